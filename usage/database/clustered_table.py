"""A migration's ways to make and change tables whose rows lie in the order of their primary key."""

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AlterField, CreateModel
from django.db.migrations.operations.special import SeparateDatabaseAndState
from django.db.migrations.state import ProjectState
from django.db.models import Model

_SUFFIXES = {
    # One tree, where Django's own table has a second one for the key: half the writing.
    "sqlite": " WITHOUT ROWID",
    # Room in each page, so that adding to a row need not touch the index.
    "postgresql": " WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)",
}
# The first moment that PostgreSQL has; buckets of 30 days may begin before it.
_FIRST_OF_POSTGRESQL = -210_866_803_200


class CreateClusteredTable(CreateModel):
    """`CreateModel`, with what each engine has for rows that are added to all the time."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            _create(schema_editor, model)


class SecondsToTime(SeparateDatabaseAndState):
    """A column of a clustered table that holds Unix seconds becomes one of times, and back.

    `AlterField` would make an ordinary table of it on SQLite, and leave numbers in the column.
    """

    reversible = True

    def __init__(self, model_name: str, name: str, state_operations: Sequence[AlterField]) -> None:
        super().__init__(state_operations=state_operations)
        self.model_name, self.name = model_name, name

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        return type(self).__name__, [self.model_name, self.name, self.state_operations], {}

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        time = {
            "sqlite": "datetime({0}, 'unixepoch')",
            "postgresql": f"to_timestamp(GREATEST({{0}}, {_FIRST_OF_POSTGRESQL}))",
        }
        state = from_state.clone()
        for operation in self.state_operations:
            operation.state_forwards(app_label, state)
        self._convert(app_label, schema_editor, state, time, "timestamp with time zone")

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        seconds = {
            "sqlite": "CAST(strftime('%%s', {0}) AS INTEGER)",
            "postgresql": "CAST(EXTRACT(EPOCH FROM {0}) AS BIGINT)",
        }
        self._convert(app_label, schema_editor, to_state, seconds, "bigint")

    def describe(self) -> str:
        return f"Hold times in {self.name} of {self.model_name}"

    def _convert(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        state: ProjectState,
        values: dict[str, str],
        kind: str,
    ) -> None:
        model = state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        table, column = model._meta.db_table, self.name
        value = values[schema_editor.connection.vendor].format(column)
        if schema_editor.connection.vendor == "sqlite":
            _copy(schema_editor, model, column, value)
            return
        schema_editor.execute(f"ALTER TABLE {table} ALTER {column} TYPE {kind} USING {value}")
        schema_editor.execute(f"ANALYZE {table}")  # what was known of the column went with it


def _create(schema_editor: BaseDatabaseSchemaEditor, model: type[Model]) -> None:
    sql, parameters = schema_editor.table_sql(model)
    suffix = _SUFFIXES.get(schema_editor.connection.vendor, "")
    schema_editor.execute(sql + suffix, parameters or None)


def _copy(
    schema_editor: BaseDatabaseSchemaEditor, model: type[Model], column: str, value: str
) -> None:
    """SQLite cannot change a column: the table is made anew and filled, in the order of its key."""
    table = model._meta.db_table
    old = f"{table}__old"
    schema_editor.execute(f"ALTER TABLE {table} RENAME TO {old}")
    _create(schema_editor, model)
    names = [field.column for field in model._meta.local_concrete_fields if field.column]
    read = [value if name == column else name for name in names]
    schema_editor.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(read)} FROM {old}"
    )
    schema_editor.execute(f"DROP TABLE {old}")
