"""A migration's way to make tables whose rows lie in the order of their primary key."""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import CreateModel
from django.db.migrations.state import ProjectState

_SUFFIXES = {
    # One tree, where Django's own table has a second one for the key: half the writing.
    "sqlite": " WITHOUT ROWID",
    # Room in each page, so that adding to a row need not touch the index.
    "postgresql": " WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)",
}


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
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        sql, parameters = schema_editor.table_sql(model)
        suffix = _SUFFIXES.get(schema_editor.connection.vendor, "")
        schema_editor.execute(sql + suffix, parameters or None)
