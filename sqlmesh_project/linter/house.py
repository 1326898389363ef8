"""The house's rules for models, each a small class; `sqlmesh lint` and every plan apply them."""

from __future__ import annotations

from sqlmesh.core.linter.rule import Rule, RuleViolation
from sqlmesh.core.model import ExternalModel, Model

LAYERS = ("raw", "staging", "core", "marts")


def layer_of(name: str) -> str:
    """The schema part of a model's name, quoted or not."""
    return name.replace('"', "").replace("`", "").split(".")[-2]


class GrainIsDeclared(Rule):
    """A model declares its grain: what one row is."""

    def check_model(self, model: Model) -> RuleViolation | None:
        if isinstance(model, ExternalModel) or model.grains:
            return None
        return self.violation(f"{model.name} declares no grain: name the columns that tell its rows apart")


class DescriptionOpensWithTheGrain(Rule):
    """A model's description opens with its grain: "One row per ..."."""

    def check_model(self, model: Model) -> RuleViolation | None:
        if (model.description or "").startswith("One row per "):
            return None
        return self.violation(f'the description of {model.name} must open with "One row per ..."')


class ColumnsHaveComments(Rule):
    """Every column of the last select has a comment; they become the comments of the table's columns."""

    def check_model(self, model: Model) -> RuleViolation | None:
        if isinstance(model, ExternalModel):
            return None
        bare = [name for name in model.columns_to_types or {} if not (model.column_descriptions or {}).get(name)]
        if not bare:
            return None
        return self.violation(f"columns of {model.name} without a comment: {', '.join(bare)}")


class FileIsNamedForTheModel(Rule):
    """A model stands in models/<layer>/<name>; files of several models are named for what their names share."""

    def check_model(self, model: Model) -> RuleViolation | None:
        if isinstance(model, ExternalModel) or model._path is None:
            return None
        schema, table = model.name.replace('"', "").split(".")[-2:]
        stem = table.split("__")[0] if model._path.suffix == ".py" else table
        if model._path.stem == stem and model._path.parent.name == schema:
            return None
        return self.violation(f"{model.name} stands in {model._path.name}: move it to models/{schema}/{stem}")


class LayersReadDownwards(Rule):
    """A layer reads only itself and the layers below it: raw, staging, core, marts; staging reads raw alone."""

    def check_model(self, model: Model) -> RuleViolation | None:
        if isinstance(model, ExternalModel):
            return None
        own = LAYERS.index(layer_of(model.name))
        upwards = sorted(name for name in model.depends_on or () if not self._may_read(own, layer_of(name)))
        if not upwards:
            return None
        return self.violation(
            f"{model.name} reads {', '.join(upwards)}: only the layers below {LAYERS[own]} may be read"
        )

    def _may_read(self, own: int, other: str) -> bool:
        if other not in LAYERS:
            return False
        if LAYERS[own] == "staging":
            return other == "raw"
        return other != "raw" and LAYERS.index(other) <= own and (LAYERS[own] != "marts" or other != "staging")
