"""A family is a name: of the module of its references, of its specs, of its variants and of its bindings."""

import importlib
import pkgutil

from assay import specs
from assay.specs import all_specs, variants


def modules_of(package):
    for found in pkgutil.iter_modules(package.__path__):
        if not found.ispkg:
            yield found.name, importlib.import_module(f"{package.__name__}.{found.name}")


def test_a_spec_lies_in_the_module_of_its_family():
    lying = {(name, value) for name, module in modules_of(specs) for value in vars(module)}
    astray = {(s.family, s.name) for s in all_specs().values()} - lying
    assert astray == set(), "their variants would be looked for where they do not lie"


def test_variants_lie_in_the_module_of_their_spec_s_family():
    families = {spec.name: spec.family for spec in all_specs().values()}
    astray = {
        (name, spec)
        for name, module in modules_of(variants)
        for table in ("FAULTS", "CONTROLS", "NO_FAULTS")
        for spec in getattr(module, table, ())
        if families.get(spec) != name
    }
    assert astray == set(), "nobody would find them there"
