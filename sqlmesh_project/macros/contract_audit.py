"""Audits that come from a table's contract: the violations of one severity, as one query.

In a model: `audits (contract_errors(of := core.events), contract_warnings(of := core.events))`.
"""

from __future__ import annotations

from sqlglot import exp, parse_one
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator

from contracts.audits import THIS_TABLE, violations_sql
from contracts.registry import contract_for
from contracts.rules import Relationship


@macro()
def contract_violations(
    evaluator: MacroEvaluator,
    this_model: exp.Expression,
    of: exp.Expression,
    severity: str,
    within: exp.Expression | None = None,
) -> exp.Expression:
    """What in this model breaks the contract of table `of` (layer.table) with a severity: error or warn.

    Only rows `within` a condition are judged: a view has no interval of its own, and audits the days that a run reads.

    Relationships are judged to the model's own parents, which are complete when it is audited; `headrace check --data`
    judges them all.
    """
    layer, table = of.sql(dialect="bigquery").replace("`", "").split(".")[-2:]
    contract = contract_for(layer, table)
    targets = {(rule.target.layer, rule.target.table) for rule in contract.rules() if isinstance(rule, Relationship)}
    snapshot = evaluator.get_snapshot(f"{layer}.{table}")
    parents = {parent.name for parent in snapshot.parents} if snapshot else set()
    known = {target: evaluator.get_snapshot(".".join(target)) for target in targets}
    complete = [target for target, found in known.items() if found and found.name in parents]
    is_whole = within is None or isinstance(within, exp.Boolean)
    judged = this_model if is_whole else exp.select("*").from_(this_model).where(within).subquery()
    query = parse_one(violations_sql(contract, severity=severity, targets=complete), dialect="bigquery")
    for audited in list(query.find_all(exp.Table)):
        if audited.name == THIS_TABLE:
            audited.replace(_aliased(judged, audited.alias))
    return query.subquery("violations")


def _aliased(this_model: exp.Expression, alias: str) -> exp.Expression:
    source = this_model.copy()
    source.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    return source
