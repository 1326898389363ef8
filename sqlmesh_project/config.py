"""SQLMesh reads its project beside its own config: this loads the one at the root."""

from pathlib import Path

from headrace.config import load_settings
from headrace.sqlmesh_config import sqlmesh_config

config = sqlmesh_config(load_settings(Path(__file__).parent))
