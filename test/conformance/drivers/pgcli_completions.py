# What pgcli asks a server when it starts, for its completions.
import json
import os
import sys

from pgcli.pgexecute import PGExecute
from pgspecial.main import PGSpecial

executor = PGExecute(
    *[os.environ[name] for name in ("PGDATABASE", "PGUSER", "PGPASSWORD", "PGHOST", "PGPORT")],
    sslmode=os.environ["PGSSLMODE"],
    sslrootcert=os.environ["PGSSLROOTCERT"],
)
asked = {
    "search_path": executor.search_path,
    "schemata": executor.schemata,
    "tables": executor.tables,
    "table_columns": executor.table_columns,
    "views": executor.views,
    "view_columns": executor.view_columns,
    "foreignkeys": executor.foreignkeys,
    "functions": executor.functions,
    "datatypes": executor.datatypes,
    "casing": executor.casing,
}
for step, ask in asked.items():
    print(json.dumps({"step": step, "result": repr(list(ask()))}))
special = PGSpecial()
for text in ("select * from people order by id limit 3", "\\d people", "\\dt", "\\df say", "\\d+ orders", "\\dv"):
    found = [(title, repr(list(rows or [])), headers, status) for title, rows, headers, status, *_ in executor.run(text, special)]
    print(json.dumps({"step": text, "result": found}))
sys.stdout.flush()
