"""Catalog queries in DuckDB's terms: PostgreSQL's schemas, reg types, operators and session functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from semantic.sqlapi.catalog.content import DATABASE
from semantic.sqlapi.catalog.relations import INFORMATION_SCHEMA, PG_CATALOG, PLACES, regproc_columns, relations
from semantic.sqlapi.errors import SqlApiError, UnknownTable
from semantic.sqlapi.rewriting.differences import speak_duckdb
from semantic.sqlapi.rewriting.naming import output_name
from semantic.sqlapi.rewriting.tables import position_of
from semantic.sqlapi.session import Bound, Caller
from semantic.sqlapi.variables import SERVER_VERSION

VERSION = f"PostgreSQL {SERVER_VERSION} (Headrace, over DuckDB)"

_REG_TYPES = ("regclass", "regtype", "regproc", "regnamespace", "regrole", "regprocedure")
_PLAIN_TYPES: Mapping[str, str] = {
    "oid": "BIGINT", "xid": "BIGINT", "name": "VARCHAR", "cstring": "VARCHAR", "text": "VARCHAR",
    "int2vector": "SMALLINT[]", "oidvector": "BIGINT[]", "char": "VARCHAR", "bpchar": "VARCHAR",
}  # fmt: skip
_OPERATORS: Mapping[str, Callable[[exp.Expr, exp.Expr], exp.Expr]] = {
    "~": lambda left, right: exp.RegexpLike(this=left, expression=right),
    "~*": lambda left, right: exp.RegexpILike(this=left, expression=right),
    "!~": lambda left, right: exp.Not(this=exp.RegexpLike(this=left, expression=right)),
    "=": lambda left, right: exp.EQ(this=left, expression=right),
    "<>": lambda left, right: exp.NEQ(this=left, expression=right),
}


def translate(tree: exp.Query, values: Sequence[Bound], caller: Caller) -> tuple[exp.Query, tuple[object, ...]]:
    """A copy of the statement that the catalog's DuckDB runs, and the values of its `$n`. Raises UnknownTable."""
    holder = exp.Subquery(this=tree.copy())
    _lower_names(holder)
    for select in holder.find_all(exp.Select):
        _name_columns(select)
    speak_duckdb(holder)
    ctes = {cte.alias for cte in holder.find_all(exp.CTE)}
    for table in list(holder.find_all(exp.Table)):
        _place(table, ctes)
    parameters = _number(holder, values)
    _replace_nodes(holder, caller)
    result = holder.this
    assert isinstance(result, exp.Query)
    return result, parameters


def _lower_names(tree: exp.Expr) -> None:
    for identifier in tree.find_all(exp.Identifier):
        if not identifier.args.get("quoted"):
            identifier.set("this", str(identifier.this).lower())


def _name_columns(select: exp.Select) -> None:
    """Names that the client did not give are PostgreSQL's, not DuckDB's."""
    for part in list(select.expressions):
        if isinstance(part, exp.Alias | exp.Column | exp.Star) or part.alias or part.is_star:
            continue
        named = exp.Alias(this=part.copy(), alias=exp.to_identifier(output_name(part), quoted=True))
        part.replace(named)


def _place(table: exp.Table, ctes: set[str]) -> None:
    if not isinstance(table.this, exp.Identifier):
        table.set("db", None)
        return
    if table.name in ctes and not table.db:
        return
    schema = table.db or PG_CATALOG
    if (schema, table.name) not in relations():
        shown = f"{table.db}.{table.name}" if table.db else table.name
        raise UnknownTable(f'relation "{shown}" does not exist', position=position_of(table.this))
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
    table.set("db", exp.to_identifier(PLACES[schema], quoted=True))
    table.set("catalog", None)


def _number(tree: exp.Expr, values: Sequence[Bound]) -> tuple[object, ...]:
    used: list[object] = []
    numbers: dict[int, int] = {}
    for parameter in list(tree.find_all(exp.Parameter)):
        number = int(parameter.name)
        bound = values[number - 1]
        if number not in numbers:
            used.append(bound.value)
            numbers[number] = len(used)
        mark: exp.Expr = exp.Placeholder(this=str(numbers[number]))
        if not isinstance(parameter.parent, exp.Limit | exp.Offset):
            mark = exp.Cast(this=mark, to=exp.DataType.build(bound.type.duckdb, dialect="duckdb"))
        parameter.replace(mark)
    return tuple(used)


def _replace_nodes(tree: exp.Expr, caller: Caller) -> None:
    """Bottom up, so that a cast of a cast sees what became of the inner one."""
    for node in reversed(list(tree.walk())):
        changed = _translated(node, caller)
        if changed is not None and changed is not node:
            node.replace(changed)


def _table_oid(column: exp.Column) -> exp.Expr | None:
    """`alias.tableoid`, which PostgreSQL has in every table: the OID of the catalog's relation itself."""
    select = column.find_ancestor(exp.Select)
    schemas = {place: schema for schema, place in PLACES.items()}
    for table in select.find_all(exp.Table) if select is not None else ():
        relation = relations().get((schemas.get(table.db, ""), table.name))
        if table.alias_or_name == column.table and relation is not None:
            return exp.Literal.number(relation.oid)
    return None


def _translated(node: exp.Expr, caller: Caller) -> exp.Expr | None:
    match node:
        case exp.Dot(this=schema, expression=exp.Expr() as inner) if schema.name in PLACES:
            return None if isinstance(inner, exp.Identifier) else inner
        case exp.Column() if node.name == "tableoid" and node.table:
            return _table_oid(node)
        case exp.Column() if node.name == "user" and not node.table:
            return exp.Literal.string(caller.user)
        case exp.Column() if node.args.get("db") is not None:
            node.set("db", None)
        case exp.Collate(this=exp.Expr() as collated):
            return collated
        case exp.Operator():
            name = str(node.args["operator"]).rpartition(".")[2]
            if name in _OPERATORS:
                return _OPERATORS[name](node.this, node.expression)
        case exp.Cast():
            return _cast(node)
        case exp.EQ() | exp.NEQ():
            _compare_functions(node)
        case exp.Func():
            return _session_function(node, caller)
        case _:
            return None
    return None


def _type_name(kind: exp.Expr) -> str:
    """The name of a type, without its schema."""
    name = str(kind.sql("postgres")).replace('"', "").lower()
    return name.removeprefix(f"{PG_CATALOG}.").removeprefix(f"{INFORMATION_SCHEMA}.")


def _cast(node: exp.Cast) -> exp.Expr | None:
    name = _type_name(node.to)
    if name.removesuffix("[]") in _REG_TYPES:
        return _reg_cast(node.this, name)
    if name in _PLAIN_TYPES:
        kind = _PLAIN_TYPES[name]
    elif any(part.this == exp.DataType.Type.USERDEFINED for part in node.to.find_all(exp.DataType)):
        kind = exp.DataType.build(name, dialect="postgres").sql("duckdb")
    else:
        return None
    inner = node.this
    if kind == "BIGINT" and inner.meta.get("function_name"):
        return exp.Anonymous(this="regproc_oid", expressions=[inner])
    if kind == "VARCHAR" and inner.meta.get("oid_of") == "regtype":
        return exp.Anonymous(this="format_type", expressions=[inner, exp.null()])
    return exp.Cast(this=inner, to=exp.DataType.build(kind, dialect="duckdb"))


def _reg_cast(inner: exp.Expr, name: str) -> exp.Expr:
    """A name becomes an OID; an OID becomes a name. Functions are kept by name throughout."""
    is_text = isinstance(inner, exp.Concat | exp.DPipe) or inner.find(exp.Placeholder) is not None
    is_text = is_text or (isinstance(inner, exp.Literal) and inner.is_string)
    literal = inner if is_text else None
    if name.startswith("regproc"):
        if not isinstance(literal, exp.Literal):
            return inner
        function = exp.Literal.string(literal.name.removeprefix(f"{PG_CATALOG}."))
        function.meta["function_name"] = True
        return function
    if name.endswith("[]"):
        return exp.Cast(this=inner, to=exp.DataType.build("VARCHAR[]", dialect="duckdb"))
    if literal is not None:
        found = exp.Anonymous(this=f"{name}_oid", expressions=[literal])
        found.meta["oid_of"] = name
        return found
    if name == "regtype":
        return exp.Anonymous(this="format_type", expressions=[inner, exp.null()])
    if name == "regrole":
        return exp.Anonymous(this="pg_get_userbyid", expressions=[inner])
    return exp.Anonymous(this=f"{name}_name", expressions=[inner])


def _compare_functions(node: exp.Expr) -> None:
    """Functions are kept by name, `-` where there is none; clients compare with OID 0, or join pg_proc by OID."""
    left, right = node.args["this"], node.args["expression"]
    if isinstance(right, exp.Column) and right.name in regproc_columns():
        left, right = right, left
    if isinstance(left, exp.Column) and left.name in regproc_columns():
        if isinstance(right, exp.Literal) and right.name == "0":
            right.replace(exp.Literal.string("-"))
        elif isinstance(right, exp.Column) and right.name == "oid":
            right.set("this", exp.to_identifier("proname", quoted=True))
    elif left.key == "anonymous" and left.name == "format_type" and right.meta.get("oid_of") == "regtype":
        node.set("expression", right.expressions[0])


def _session_function(node: exp.Func, caller: Caller) -> exp.Expr | None:
    match node:
        case exp.CurrentUser() | exp.SessionUser():
            return exp.Literal.string(caller.user)
        case exp.CurrentSchema():
            return exp.Literal.string("public")
        case exp.CurrentVersion():
            return exp.Literal.string(VERSION)
        case exp.CurrentDatabase() | exp.CurrentCatalog():
            return exp.Literal.string(DATABASE)
        case exp.Anonymous():
            return _anonymous(node, caller)
        case _:
            return None


def _anonymous(node: exp.Anonymous, caller: Caller) -> exp.Expr | None:
    name = node.name.lower()
    arguments = node.expressions
    if name in ("current_user", "session_user", "user", "current_role"):
        return exp.Literal.string(caller.user)
    if name in ("current_database", "current_catalog"):
        return exp.Literal.string(DATABASE)
    if name == "current_schema":
        return exp.Literal.string("public")
    if name == "version":
        return exp.Literal.string(VERSION)
    if name == "pg_backend_pid":
        return exp.Literal.number(caller.process)
    if name == "current_setting" and arguments:
        return _setting(arguments, caller)
    if name == "json_build_object":
        return exp.Anonymous(this="json_object", expressions=arguments)
    if name == "set_config" and len(arguments) == 3 and all(isinstance(one, exp.Literal) for one in arguments[:2]):
        caller.variables.set(arguments[0].name.lower(), arguments[1].name)
        return exp.Literal.string(arguments[1].name)
    if name == "obj_description" and len(arguments) == 1:
        return exp.Anonymous(this=name, expressions=[arguments[0], exp.Literal.string("pg_class")])
    return None


def _setting(arguments: list[exp.Expr], caller: Caller) -> exp.Expr:
    """A setting by a literal name is looked up now; by any other, when the statement runs."""
    name = arguments[0].this if isinstance(arguments[0], exp.Cast) else arguments[0]
    if not isinstance(name, exp.Literal):
        found = exp.select("b").from_(settings(caller)).where(exp.EQ(this=exp.column("a"), expression=name.copy()))
        return found.subquery()
    try:
        return exp.Literal.string(caller.variables.show(name.name.lower()))
    except SqlApiError:
        if len(arguments) == 2:
            return exp.null()
        raise


def settings(caller: Caller) -> exp.Values:
    """This session's variables as v(a, b): name and value."""
    found = sorted(caller.variables.all().items())
    items = [exp.Tuple(expressions=[exp.Literal.string(name), exp.Literal.string(value)]) for name, value in found]
    names = exp.TableAlias(this=exp.to_identifier("v"), columns=[exp.to_identifier("a"), exp.to_identifier("b")])
    return exp.Values(expressions=items, alias=names)
