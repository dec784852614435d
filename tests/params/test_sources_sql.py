"""Databases: the same behavior in SQLite and PostgreSQL; PostgreSQL is skipped where there is none."""

import itertools
import json
import os
import re
import shutil
import subprocess
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from dancheong.app.table_commands import app
from dancheong.params import ExtraMissing, ParamError, TableRow, complete_rows, read_table, resolve, write_table
from dancheong.params.sources import shown, sql, table_exists, table_hash

ROWS = [TableRow("COMMON", "RESOL", "128", True, "해상도"), TableRow("GOGUNG", "NGF", "16", False, "it's \"quoted\"; --")]
NO_POSTGRES = "no PostgreSQL: set DANCHEONG_TEST_POSTGRES to a URL, or install Debian's postgresql and postgresql-common"


@pytest.fixture(scope="module")
def postgres():
    """The URL of a PostgreSQL: the one named in the environment, or a throw-away one of Debian's."""
    if url := os.environ.get("DANCHEONG_TEST_POSTGRES"):
        yield url
        return
    if shutil.which("pg_virtualenv") is None:
        pytest.skip(NO_POSTGRES)
    script = 'echo "READY $PGUSER:$PGPASSWORD@$PGHOST:$PGPORT/$PGDATABASE"; cat'
    pipe = subprocess.PIPE
    server = subprocess.Popen(["pg_virtualenv", "-t", "sh", "-c", script], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    ready = next((line for line in server.stdout if line.startswith("READY ")), None)
    if ready is not None:
        yield f"postgresql+psycopg://{ready.split()[1]}"
    _, errors = server.communicate()
    if ready is None:
        pytest.skip(f"{NO_POSTGRES}; pg_virtualenv said: {errors.strip()[-300:]}")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """A database without tables of ours: in PostgreSQL their names are new."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/파라미터 표.db"
        return
    url = make_url(request.getfixturevalue("postgres"))
    names = {"table": f"t_{uuid.uuid4().hex}", "runs": f"r_{uuid.uuid4().hex}"}
    yield url.update_query_dict(names).render_as_string(hide_password=False)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for name in names.values():
            connection.execute(sa.text(f"DROP TABLE IF EXISTS {name} CASCADE"))
    engine.dispose()


def with_table(place, name):
    return make_url(place).update_query_dict({"table": name}).render_as_string(hide_password=False)


def names_of(place):
    at = sql.parse_place(place)
    return at.params.name, at.runs.name


def execute(place, *statements):
    """What an administrator does with the database's own tools."""
    engine = sa.create_engine(sql.parse_place(place).url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                result = connection.execute(sa.text(statement))
            return result.fetchall() if result.returns_rows else []
    finally:
        engine.dispose()


def plain(rows):
    return [TableRow(row.category, row.name, row.value, row.use, row.comment) for row in rows]


def refusal(place):
    with pytest.raises(ParamError) as error:
        resolve(read_table(place))
    return str(error.value)


def test_written_rows_read_back_in_order_with_their_place(place):
    assert not table_exists(place)
    write_table(place, complete_rows())
    assert table_exists(place)
    rows = read_table(place)
    assert plain(rows) == complete_rows()
    assert rows[0].where == f"table {names_of(place)[0]} row 1 (RESOL)"
    write_table(place, ROWS)
    assert plain(read_table(place)) == ROWS
    write_table(place, [])
    assert read_table(place) == []


def test_a_bad_row_is_named_by_its_id(place):
    write_table(place, ROWS)
    table = names_of(place)[0]
    execute(
        place,
        f"INSERT INTO {table} (category, param_name, param_value, comments) VALUES ('COMMON', 'RESOLL', '1', '')",
        f"UPDATE {table} SET param_value = '8' WHERE param_name = 'RESOL'",
    )
    message = refusal(place)
    assert f"table {table} row 3 (RESOLL)" in message
    assert "did you mean RESOL?" in message
    assert f"table {table} row 1 (RESOL) (COMMON): RESOL = '8'" in message
    execute(place, f"UPDATE {table} SET param_value = ' ' WHERE id = 2", f"DELETE FROM {table} WHERE id = 1")
    assert f"table {table} row 2 (NGF): PARAM_VALUE is empty" in refusal(place)


def test_the_database_itself_refuses_what_is_neither_y_nor_n(place):
    write_table(place, ROWS)
    with pytest.raises(sa.exc.IntegrityError):
        execute(place, f"UPDATE {names_of(place)[0]} SET use_yn = 'x'")


def test_a_failed_write_leaves_everything_as_it_was(place):
    write_table(place, ROWS)
    # Through the door that `write_table` uses, in the middle of its transaction.
    bad = [TableRow("COMMON", "NGF", "8"), TableRow("COMMON", "NDF", None)]
    with pytest.raises(ParamError):
        write_table(place, bad)
    assert plain(read_table(place)) == ROWS
    new = with_table(place, f"t_{uuid.uuid4().hex}")
    with pytest.raises(ParamError):
        write_table(new, bad)
    assert not table_exists(new)


def test_a_view_of_ones_own_with_values_of_any_type(place):
    write_table(place, ROWS)
    table, view = names_of(place)[0], f"V_{uuid.uuid4().hex}"
    execute(
        place,
        f'CREATE VIEW "{view}" AS '
        """SELECT 'COMMON' AS "범주", 'LR' AS "파라미터명", 0.25 AS "값", 'Y' AS "사용여부", 7 AS weight"""
        f" UNION ALL SELECT category, param_name, 64, use_yn, 8 FROM {table} WHERE param_name = 'RESOL'",
    )
    own = with_table(place, view)
    rows = read_table(own)
    assert sorted((row.name, float(row.value)) for row in rows) == [("LR", 0.25), ("RESOL", 64)]
    assert rows[0].where.startswith(f"table {view} row 1 (")
    assert plain(read_table(with_table(place, view.lower()))) == plain(rows)  # SQL does not mind the case of a name either
    assert table_exists(own)
    with pytest.raises(ParamError, match="view"):
        write_table(own, ROWS)
    execute(place, f'DROP VIEW "{view}"')


def test_a_table_of_ones_own(place):
    table = names_of(place)[0]
    columns = '"CATEGORY" text, "PARAM_NAME" text, "PARAM_VALUE" text, "USE_YN" char(3)'
    execute(place, f"CREATE TABLE {table} ({columns})")
    without_comments = [TableRow("COMMON", "RESOL", "64")]
    write_table(place, without_comments)
    assert plain(read_table(place)) == without_comments
    with pytest.raises(ParamError, match="no column comments"):
        write_table(place, ROWS)
    execute(place, f"ALTER TABLE {table} ADD COLUMN owner text DEFAULT 'Kim'")
    with pytest.raises(ParamError, match=r"columns of its own \(owner\)"):
        write_table(place, without_comments)
    assert plain(read_table(place)) == without_comments
    execute(place, f'ALTER TABLE {table} RENAME COLUMN "USE_YN" TO used')
    assert "USE_YN is missing" in refusal(place)


def test_no_such_table_names_the_nearest(place):
    write_table(place, ROWS)
    table = names_of(place)[0]
    message = refusal(with_table(place, table[:-1] + "_"))
    assert f"did you mean {table.upper()}?" in message
    assert "password" not in message


def test_runs_are_recorded(place):
    write_table(place, ROWS)
    assert sql.list_runs(place) == []
    before = datetime.now(UTC) - timedelta(seconds=1)
    scores = {"psnr": float("inf"), "delta_e_2000": 7.25, "gray": {"ssim": 0.9}, "note": "가"}
    command = ["dancheong", "train", "my photos", "--params", "postgresql://user:geheim@host/base"]
    first = sql.record_run(place, command=command, rows=read_table(place), data_fingerprint="ab" * 32, model_hash="cd" * 32,
                           scores=scores)
    sql.record_run(place, command="dancheong evaluate", rows=ROWS[::-1])
    runs = sql.list_runs(place)
    assert runs[0] == first
    assert before <= runs[0].when_utc <= datetime.now(UTC)
    assert runs[0].when_utc.utcoffset() == timedelta(0)
    assert runs[0].command == "dancheong train 'my photos' --params 'postgresql://user:***@host/base'"
    assert runs[0].scores == {"psnr": None, "delta_e_2000": 7.25, "gray": {"ssim": 0.9}, "note": "가"}
    assert runs[1].scores == {}
    assert runs[0].table_hash == runs[1].table_hash == table_hash(ROWS)
    (row,) = execute(place, f"SELECT count(*) FROM {names_of(place)[1]} WHERE model_hash LIKE 'cdcd%'")
    assert row[0] == 1


def test_a_foreign_table_called_runs_is_left_alone(place):
    runs = names_of(place)[1]
    execute(place, f"CREATE TABLE {runs} (distance integer)")
    for attempt in (lambda: sql.record_run(place, command="x", rows=[]), lambda: sql.create_runs(place)):
        with pytest.raises(ParamError, match=r"\?runs=NAME"):
            attempt()
    assert execute(place, f"SELECT * FROM {runs}") == []


def test_csv_to_xlsx_to_postgresql_to_sqlite_to_csv(postgres, tmp_path):
    original = tmp_path / "처음 표.csv"
    write_table(original, [*complete_rows("paper"), *ROWS, TableRow("GOGUNG", "LR", "5e-4", True, "두 줄\n주석")])
    base = with_table(postgres, f"t_{uuid.uuid4().hex}")
    way = [original, tmp_path / "t.xlsx", base, f"sqlite:///{tmp_path}/t.db", tmp_path / "끝.csv"]
    for source, destination in itertools.pairwise(way):
        done = CliRunner().invoke(app, ["copy", str(source), str(destination)], catch_exceptions=False)
        assert done.exit_code == 0
        assert make_url(postgres).password not in done.output
        assert table_hash(read_table(destination)) == table_hash(read_table(original))
    assert way[-1].read_bytes() == original.read_bytes()
    execute(base, f"DROP TABLE {names_of(base)[0]}")


def test_a_schema_in_the_name(postgres):
    schema = f"s_{uuid.uuid4().hex}"
    execute(postgres, f"CREATE SCHEMA {schema}")
    place = with_table(postgres, f"{schema}.params")
    write_table(place, ROWS)
    assert read_table(place)[0].where == f"table {schema}.params row 1 (RESOL)"
    execute(postgres, f"DROP SCHEMA {schema} CASCADE")


def test_a_wrong_password_is_refused_without_being_told(postgres):
    url = make_url(postgres)
    wrong = url.set(password="Geheim-1").render_as_string(hide_password=False)
    try:
        message = refusal(wrong)
    except pytest.fail.Exception:
        pytest.skip("this PostgreSQL asks for no password")
    assert "Geheim" not in message
    assert ":***@" in message


@pytest.mark.parametrize(
    ("place", "error", "words"),
    [
        ("sqlite:///{}/missing.db", ParamError, "no such file"),
        ("sqlite:///{}/text.db", ParamError, "not a database"),
        ("sqlite://", ParamError, "memory"),
        ("sqlite:///{}/a.db?table=", ParamError, "table"),
        ("nosuch://u:Geheim@h/b", ParamError, "nosuch"),
        ("postgresql://u:Geheim@h:port/b", ParamError, "URL"),
        ("postgresql://u:Geheim@localhost:1/b?connect_timeout=2", ParamError, "localhost"),
        ("postgresql://localhost:1/b?password=Geheim&sslmode=odd", ParamError, "sslmode"),
        ("mysql+nosuchdriver://u:Geheim@h/b", ParamError, "mysql"),
        ("firebird://", ParamError, "firebird"),
    ],
)
def test_places_that_do_not_work(tmp_path, place, error, words):
    (tmp_path / "text.db").write_text("no database " * 100, "utf-8")
    with pytest.raises(error, match=words) as raised:
        read_table(place.format(tmp_path))
    assert "Geheim" not in str(raised.value)
    assert not (tmp_path / "missing.db").exists()


def test_a_driver_that_quotes_the_password_is_not_quoted():
    with pytest.raises(ParamError, match=r'invalid sslmode value: "\*\*\*"') as raised:
        read_table("postgresql://u:Geheim@localhost:1/b?sslmode=Geheim")
    assert raised.value.__cause__ is None


def test_a_missing_driver_is_named():
    with pytest.raises(ExtraMissing, match=r"pymysql.*pip install"):
        read_table("mysql+pymysql://u:Geheim@localhost/b")


@pytest.mark.parametrize(
    "text", ["postgresql://u:pa:s/s@h/b", "x --params=postgresql+psycopg://u:pass@h:1/b?table=t", "postgresql://h/b?password=pass"]
)
def test_passwords_are_not_shown(text):
    assert "***" in shown(text)
    assert "pa" not in shown(text).replace("params", "").replace("password", "")


def test_the_history_on_the_command_line(tmp_path):
    place = f"sqlite:///{tmp_path}/a.db"
    run = CliRunner().invoke
    assert run(app, ["init", place]).exit_code == 0
    assert "no runs" in run(app, ["runs", place]).output
    sql.record_run(place, command="dancheong train", rows=ROWS, model_hash="ab" * 32, scores={"psnr": 20.123456})
    assert all(word in run(app, ["runs", place]).output for word in ("abababab", "psnr=20.12", "dancheong train"))
    (record,) = json.loads(run(app, ["runs", place, "--json"]).output)["runs"]
    assert record["scores"] == {"psnr": 20.123456}
    assert datetime.fromisoformat(record["when_utc"]).utcoffset() == timedelta(0)


DOCS = Path(__file__).parents[2] / "docs" / "tables.md"


def code_blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)


def test_the_documented_tables_are_the_ones_made(tmp_path):
    place, documented = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    CliRunner().invoke(app, ["init", place], catch_exceptions=False)
    (ddl,) = code_blocks("sql")
    execute(documented, *re.sub("--.*", "", ddl).strip().rstrip(";").split(";"))
    for table in ("dancheong_params", "runs"):
        made, told = (execute(one, f"SELECT name FROM pragma_table_info('{table}')") for one in (place, documented))
        assert made == told
    write_table(documented, ROWS)
    sql.record_run(documented, command="x", rows=ROWS)


def test_the_documented_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [*complete_rows(), TableRow("GOGUNG", "NGF", "16")]
    write_table("sqlite:///params.db", rows)
    write_table("params.xlsx", rows)
    (code,) = code_blocks("python")
    names = {}
    exec(code, names)
    assert (names["params"].resol, names["params"].ngf) == (512, 16)
    assert plain(read_table("sqlite:///params.db?table=trial")) == rows
    assert sql.list_runs("sqlite:///params.db")[0].scores == {"delta_e_2000": 8.1}
