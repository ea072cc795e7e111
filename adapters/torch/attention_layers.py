"""Layers of attention of PyTorch: True in its masks means not to attend, and kernels of all heads are one."""

from __future__ import annotations

from .attention import attend
from .framework import F, binds, torch
from .modules import functional_call

ONE_DEPTH = {
    "features == heads * depth": "torch projects into as many features as come in",
    "values == depth": "torch has one depth for keys and values",
    "outputs == features": "torch projects back into as many features as come in",
}


def forbidden(query, key, score_bias, mask, key_mask, masking):
    """What torch calls attn_mask and key_padding_mask: True where nothing is attended to."""
    if masking == "causal":
        return torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device).triu(1), None
    return score_bias if mask is None else ~mask, None if key_mask is None else ~key_mask


def flat(kernel):
    """A kernel of all heads, outputs first, as torch keeps it."""
    return kernel.flatten(1).T


def weights_of(query_kernel, key_kernel, value_kernel, output_kernel, biases, last_key, last_value):
    """Parameters by the names of torch.nn.MultiheadAttention."""
    kernels = [flat(kernel) for kernel in (query_kernel, key_kernel, value_kernel)]
    given = {"out_proj.weight": output_kernel.flatten(0, 1).T}
    if last_key is not None:
        given |= {"bias_k": last_key.flatten()[None, None], "bias_v": last_value.flatten()[None, None]}
    if query_kernel.shape[0] == key_kernel.shape[0] == value_kernel.shape[0]:
        given["in_proj_weight"] = torch.cat(kernels)
    else:
        given |= dict(zip(("q_proj_weight", "k_proj_weight", "v_proj_weight"), kernels, strict=True))
    if biases[0] is not None:
        *inner, last = biases
        given |= {"in_proj_bias": torch.cat([bias.flatten() for bias in inner]), "out_proj.bias": last}
    return given


def layer(query, query_kernel, key_kernel, value_kernel, output_bias, *, appended):
    return made(query_kernel, key_kernel, value_kernel, query, output_bias, appended, batch_first=True)


def steps_first(query, query_kernel, key_kernel, value_kernel, output_bias, *, appended):
    return made(query_kernel, key_kernel, value_kernel, query, output_bias, appended, batch_first=False)


def made(query_kernel, key_kernel, value_kernel, query, output_bias, appended, batch_first):
    features, heads, _ = query_kernel.shape
    return torch.nn.MultiheadAttention(
        features,
        heads,
        bias=output_bias is not None,
        add_bias_kv=appended in ("learned", "both"),
        add_zero_attn=appended in ("zero", "both"),
        kdim=key_kernel.shape[0],
        vdim=value_kernel.shape[0],
        batch_first=batch_first,
        dtype=query.dtype,
        device=query.device,
    )


def in_order(attention, x):
    return x if attention.batch_first else x.transpose(0, 1)


@binds(
    "multi_head_attention",
    "torch.nn.MultiheadAttention(batch_first=False)",
    where=ONE_DEPTH,
    build=steps_first,
)
@binds("multi_head_attention", "torch.nn.MultiheadAttention", where=ONE_DEPTH, build=layer)
def multi_head(
    built,
    query,
    key,
    value,
    query_kernel,
    key_kernel,
    value_kernel,
    output_kernel,
    query_bias,
    key_bias,
    value_bias,
    output_bias,
    score_bias,
    last_key,
    last_value,
    mask,
    key_mask,
    *,
    masking,
):
    key, value = (query if x is None else x for x in (key, value))
    kernels = query_kernel, key_kernel, value_kernel, output_kernel
    weights = weights_of(*kernels, (query_bias, key_bias, value_bias, output_bias), last_key, last_value)
    attn_mask, padding = forbidden(query, key, score_bias, mask, key_mask, masking)
    arrays = (in_order(built, x) for x in (query, key, value))
    call = functional_call(built, weights, (*arrays, padding, False, attn_mask, True, masking == "causal"))
    return in_order(built, call[0])


NO_BIAS = (None,) * 4


def plain_layer(query, query_kernel, key_kernel, value_kernel, *, appended):
    return layer(query, query_kernel, key_kernel, value_kernel, None, appended=appended)


@binds("multi_head_attention_weights", "torch.nn.MultiheadAttention", where=ONE_DEPTH, build=plain_layer)
def multi_head_and_weights(
    built,
    query,
    key,
    value,
    query_kernel,
    key_kernel,
    value_kernel,
    output_kernel,
    score_bias,
    last_key,
    last_value,
    mask,
    key_mask,
    *,
    masking,
    mean,
):
    kernels = query_kernel, key_kernel, value_kernel, output_kernel
    weights = weights_of(*kernels, NO_BIAS, last_key, last_value)
    attn_mask, padding = forbidden(query, key, score_bias, mask, key_mask, masking)
    return functional_call(built, weights, (query, key, value, padding, True, attn_mask, mean))


@binds("multi_head_attention_weights", "torch.nn.functional.multi_head_attention_forward", where=ONE_DEPTH)
def multi_head_forward(
    query,
    key,
    value,
    query_kernel,
    key_kernel,
    value_kernel,
    output_kernel,
    score_bias,
    last_key,
    last_value,
    mask,
    key_mask,
    *,
    masking,
    mean,
    appended,
):
    attn_mask, padding = forbidden(query, key, score_bias, mask, key_mask, masking)
    y, weights = F.multi_head_attention_forward(
        *(x.transpose(0, 1) for x in (query, key, value)),
        query_kernel.shape[0],
        query_kernel.shape[1],
        in_proj_weight=None,
        in_proj_bias=None,
        bias_k=None if last_key is None else last_key.flatten()[None, None],
        bias_v=None if last_value is None else last_value.flatten()[None, None],
        add_zero_attn=appended in ("zero", "both"),
        dropout_p=0.0,
        out_proj_weight=output_kernel.flatten(0, 1).T,
        out_proj_bias=None,
        key_padding_mask=padding,
        attn_mask=attn_mask,
        use_separate_proj_weight=True,
        q_proj_weight=flat(query_kernel),
        k_proj_weight=flat(key_kernel),
        v_proj_weight=flat(value_kernel),
        average_attn_weights=mean,
    )
    return y.transpose(0, 1), weights


@binds(
    "multi_head_attention",
    "torch.nn.functional.scaled_dot_product_attention",
    fixed={"appended": ("none", "nothing is appended")},
    composition=True,
)
def multi_head_by_hand(
    query,
    key,
    value,
    query_kernel,
    key_kernel,
    value_kernel,
    output_kernel,
    query_bias,
    key_bias,
    value_bias,
    output_bias,
    score_bias,
    last_key,
    last_value,
    mask,
    key_mask,
    *,
    masking,
):
    key, value = (query if x is None else x for x in (key, value))
    q, k, v = (
        torch.einsum("btf,fhd->bthd", x, kernel) + (0 if bias is None else bias)
        for x, kernel, bias in (
            (query, query_kernel, query_bias),
            (key, key_kernel, key_bias),
            (value, value_kernel, value_bias),
        )
    )
    allowed = score_bias if mask is None else mask
    allowed = allowed if key_mask is None else key_mask[:, None, None]
    y = torch.einsum("bqhv,hvf->bqf", attend(q, k, v, allowed, is_causal=masking == "causal"), output_kernel)
    return y if output_bias is None else y + output_bias


@binds("additive_attention", "torch.tanh", composition=True)
def additive(query, key, value, scale, key_mask, *, causal):
    hidden = torch.tanh(query[:, :, None] + key[:, None])
    logits = hidden.sum(-1) if scale is None else hidden @ scale
    if key_mask is not None:
        logits = logits.masked_fill(~key_mask[:, None], float("-inf"))
    if causal:
        later = torch.ones_like(logits, dtype=torch.bool).triu(1)
        logits = logits.masked_fill(later, float("-inf"))
    return torch.softmax(logits, -1) @ value
