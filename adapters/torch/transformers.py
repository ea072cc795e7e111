"""Layers of transformers of PyTorch: True in its masks means not to attend."""

from __future__ import annotations

from .attention_layers import flat, in_order
from .framework import binds, torch
from .modules import functional_call

ONE_WIDTH = {"features == heads * depth": "torch projects into as many features as come in"}
LEAVES_OUT = "padded and inference and norm == 'last' and not causal and heads % 2 == 0"
NESTED = {
    f"(padded_output == 'zero') == ({LEAVES_OUT})": "torch leaves out what does not count at inference, "
    "unless the norm comes first, heads are odd or a mask is given"
}


def padding(lengths, x):
    """What torch calls a key padding mask: True where a key does not count."""
    if lengths is None:
        return None
    return torch.arange(x.shape[1], device=x.device) >= lengths[:, None]


def forbidden(mask, score_bias):
    """What torch calls an attention mask: True where not to attend, or what is added to the scores."""
    return score_bias if mask is None else ~mask


def later_keys(x, causal, mask=None, score_bias=None):
    """An attention mask, of what lies behind a query's own place where it is causal."""
    if not causal:
        return forbidden(mask, score_bias)
    return torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)


def attention_weights(name, projections, output_kernel, projection_biases, output_bias):
    """Parameters of the attention of this name."""
    given = {
        f"{name}.in_proj_weight": torch.cat([flat(kernel) for kernel in projections]),
        f"{name}.out_proj.weight": output_kernel.flatten(0, 1).T,
    }
    if output_bias is not None:
        given |= {
            f"{name}.in_proj_bias": projection_biases.flatten(),
            f"{name}.out_proj.bias": output_bias,
        }
    return given


def other_weights(inner_kernel, outer_kernel, scales, inner_bias, outer_bias, offsets):
    """Parameters of dense layers and normalizations."""
    given = {"linear1.weight": inner_kernel.T, "linear2.weight": outer_kernel.T}
    given |= {f"norm{number}.weight": scale for number, scale in enumerate(scales, start=1)}
    if offsets is not None:
        given |= {"linear1.bias": inner_bias, "linear2.bias": outer_bias}
        given |= {f"norm{number}.bias": offset for number, offset in enumerate(offsets, start=1)}
    return given


def encoder_weights(
    projections,
    output_kernel,
    inner_kernel,
    outer_kernel,
    scales,
    projection_biases,
    output_bias,
    inner_bias,
    outer_bias,
    offsets,
):
    """Parameters of an encoder's layer."""
    attention = attention_weights("self_attn", projections, output_kernel, projection_biases, output_bias)
    return attention | other_weights(inner_kernel, outer_kernel, scales, inner_bias, outer_bias, offsets)


def decoder_weights(
    projections,
    output_kernels,
    inner_kernel,
    outer_kernel,
    scales,
    projection_biases=None,
    output_biases=None,
    inner_bias=None,
    outer_bias=None,
    offsets=None,
):
    """Parameters of a decoder's layer."""
    given = other_weights(inner_kernel, outer_kernel, scales, inner_bias, outer_bias, offsets)
    for part, name in enumerate(("self_attn", "multihead_attn")):
        biases = (None, None) if offsets is None else (projection_biases[part], output_biases[part])
        given |= attention_weights(name, projections[part], output_kernels[part], *biases)
    return given


def by_layer(weights_of, *stacked):
    """Parameters of all layers of a stack."""
    return {
        f"layers.{number}.{name}": value
        for number, weights in enumerate(zip(*stacked, strict=True))
        for name, value in weights_of(*weights).items()
    }


def options_of(x, heads, inner_kernel, offsets, norm, activation, epsilon):
    return {
        "d_model": x.shape[2],
        "nhead": heads,
        "dim_feedforward": inner_kernel.shape[-1],
        "dropout": 0.0,
        "activation": activation,
        "layer_norm_eps": epsilon,
        "batch_first": True,
        "norm_first": norm == "first",
        "bias": offsets is not None,
        "dtype": x.dtype,
        "device": x.device,
    }


def encoder_layer(x, projections, inner_kernel, offsets, norm, activation, epsilon, inference):
    options = options_of(x, projections.shape[-2], inner_kernel, offsets, norm, activation, epsilon)
    return torch.nn.TransformerEncoderLayer(**options).train(not inference)


def encoder_layer_steps_first(x, projections, inner_kernel, offsets, norm, activation, epsilon, inference):
    options = options_of(x, projections.shape[-2], inner_kernel, offsets, norm, activation, epsilon)
    return torch.nn.TransformerEncoderLayer(**options | {"batch_first": False}).train(not inference)


@binds(
    "transformer_encoder_layer",
    "torch.nn.TransformerEncoderLayer(batch_first=False)",
    where=ONE_WIDTH,
    build=encoder_layer_steps_first,
)
@binds("transformer_encoder_layer", "torch.nn.TransformerEncoderLayer", where=ONE_WIDTH, build=encoder_layer)
def encode(
    built,
    x,
    projections,
    output_kernel,
    inner_kernel,
    outer_kernel,
    scales,
    projection_biases,
    output_bias,
    inner_bias,
    outer_bias,
    offsets,
    score_bias,
    lengths,
    mask,
    *,
    causal,
):
    weights = encoder_weights(
        *(projections, output_kernel, inner_kernel, outer_kernel, scales),
        *(projection_biases, output_bias, inner_bias, outer_bias, offsets),
    )
    seen = later_keys(x, causal, mask, score_bias)
    given = in_order(built.self_attn, x), seen, padding(lengths, x), causal
    return in_order(built.self_attn, functional_call(built, weights, given))


def decoder_layer(x, projections, inner_kernel, offsets, norm, activation, epsilon):
    return torch.nn.TransformerDecoderLayer(
        **options_of(x, projections.shape[-2], inner_kernel, offsets, norm, activation, epsilon)
    )


def decoder_layer_steps_first(x, projections, inner_kernel, offsets, norm, activation, epsilon):
    options = options_of(x, projections.shape[-2], inner_kernel, offsets, norm, activation, epsilon)
    return torch.nn.TransformerDecoderLayer(**options | {"batch_first": False})


@binds(
    "transformer_decoder_layer",
    "torch.nn.TransformerDecoderLayer(batch_first=False)",
    where=ONE_WIDTH,
    build=decoder_layer_steps_first,
)
@binds("transformer_decoder_layer", "torch.nn.TransformerDecoderLayer", where=ONE_WIDTH, build=decoder_layer)
def decode(
    built,
    x,
    memory,
    projections,
    output_kernels,
    inner_kernel,
    outer_kernel,
    scales,
    projection_biases,
    output_biases,
    inner_bias,
    outer_bias,
    offsets,
    score_bias,
    memory_bias,
    lengths,
    memory_lengths,
    mask,
    memory_mask,
    *,
    causal,
):
    weights = decoder_weights(
        *(projections, output_kernels, inner_kernel, outer_kernel, scales),
        *(projection_biases, output_biases, inner_bias, outer_bias, offsets),
    )
    seen = later_keys(x, causal, mask, score_bias), forbidden(memory_mask, memory_bias)
    masks = *seen, padding(lengths, x), padding(memory_lengths, memory)
    arrays = (in_order(built.self_attn, each) for each in (x, memory))
    return in_order(built.self_attn, functional_call(built, weights, (*arrays, *masks, causal)))


def encoder(x, projections, inner_kernel, offsets, final_scale, norm, layers, inference):
    one = encoder_layer(x, projections, inner_kernel, offsets, norm, "relu", 1e-5, inference)
    last = None if final_scale is None else torch.nn.LayerNorm(x.shape[2], dtype=x.dtype)
    return torch.nn.TransformerEncoder(one, layers, last).train(not inference)


@binds("transformer_encoder", "torch.nn.TransformerEncoder", where=ONE_WIDTH | NESTED, build=encoder)
def encode_in_layers(
    built,
    x,
    projections,
    output_kernel,
    inner_kernel,
    outer_kernel,
    scales,
    projection_biases,
    output_bias,
    inner_bias,
    outer_bias,
    offsets,
    final_scale,
    final_offset,
    lengths,
    *,
    causal,
):
    stacked = projections, output_kernel, inner_kernel, outer_kernel, scales
    biases = projection_biases, output_bias, inner_bias, outer_bias, offsets
    weights = by_layer(encoder_weights, *stacked, *biases)
    if final_scale is not None:
        weights |= {"norm.weight": final_scale, "norm.bias": final_offset}
    return functional_call(built, weights, (x, later_keys(x, causal), padding(lengths, x), causal))


def decoder(x, projections, inner_kernel, final_scale, norm, layers):
    one = decoder_layer(x, projections, inner_kernel, None, norm, "relu", 1e-5)
    last = None if final_scale is None else torch.nn.LayerNorm(x.shape[2], bias=False, dtype=x.dtype)
    return torch.nn.TransformerDecoder(one, layers, last)


@binds("transformer_decoder", "torch.nn.TransformerDecoder", where=ONE_WIDTH, build=decoder)
def decode_in_layers(
    built,
    x,
    memory,
    projections,
    output_kernels,
    inner_kernel,
    outer_kernel,
    scales,
    final_scale,
    lengths,
    memory_lengths,
    *,
    causal,
):
    weights = by_layer(decoder_weights, projections, output_kernels, inner_kernel, outer_kernel, scales)
    if final_scale is not None:
        weights["norm.weight"] = final_scale
    masks = later_keys(x, causal), None, padding(lengths, x), padding(memory_lengths, memory)
    return functional_call(built, weights, (x, memory, *masks, causal))
