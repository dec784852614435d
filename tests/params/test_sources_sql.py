"""Databases: the same behavior in SQLite and PostgreSQL; PostgreSQL is skipped where there is none."""

import itertools
import os
import re
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from dancheong.app.table_commands import app
from dancheong.params import ExtraMissing, ParamError, TableRow, complete_rows, read_table, resolve, write_table
from dancheong.params.sources import redact_password, sql, table_exists

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
    name = f"t_{uuid.uuid4().hex}"
    yield with_table(url, name)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP TABLE IF EXISTS {name} CASCADE"))
    engine.dispose()


def with_table(place, name):
    return make_url(place).update_query_dict({"table": name}).render_as_string(hide_password=False)


def name_of(place):
    return sql.parse_location(place).name


def execute(place, *statements):
    """What an administrator does with the database's own tools."""
    engine = sa.create_engine(sql.parse_location(place).url)
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
    assert rows[0].where == f"table {name_of(place)} row 1 (RESOL)"
    write_table(place, ROWS)
    assert plain(read_table(place)) == ROWS
    write_table(place, [])
    assert read_table(place) == []


def test_a_bad_row_is_named_by_its_id(place):
    write_table(place, ROWS)
    table = name_of(place)
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
        execute(place, f"UPDATE {name_of(place)} SET use_yn = 'x'")


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
    table, view = name_of(place), f"V_{uuid.uuid4().hex}"
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
    table = name_of(place)
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
    with pytest.raises(ParamError, match="USE_YN is missing"):
        write_table(place, without_comments)


def test_no_such_table_names_the_nearest(place):
    write_table(place, ROWS)
    table = name_of(place)
    message = refusal(with_table(place, table[:-1] + "_"))
    assert f"did you mean {table.upper()}?" in message
    assert "password" not in message


def test_csv_to_xlsx_to_postgresql_to_sqlite_to_csv(postgres, tmp_path):
    original = tmp_path / "처음 표.csv"
    write_table(original, [*complete_rows("paper"), *ROWS, TableRow("GOGUNG", "LR", "5e-4", True, "두 줄\n주석")])
    base = with_table(postgres, f"t_{uuid.uuid4().hex}")
    way = [original, tmp_path / "t.xlsx", base, f"sqlite:///{tmp_path}/t.db", tmp_path / "끝.csv"]
    for source, destination in itertools.pairwise(way):
        done = CliRunner().invoke(app, ["copy", str(source), str(destination)], catch_exceptions=False)
        assert done.exit_code == 0
        assert make_url(postgres).password not in done.output
        assert plain(read_table(destination)) == plain(read_table(original))
    assert way[-1].read_bytes() == original.read_bytes()
    execute(base, f"DROP TABLE {name_of(base)}")


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
    with pytest.raises(ParamError, match=r'"\*\*\*"') as raised:
        read_table("postgresql://u:Geheim@localhost:1/b?sslmode=Geheim")
    assert raised.value.__cause__ is None


def test_a_missing_driver_is_named():
    with pytest.raises(ExtraMissing, match=r"pymysql.*pip install"):
        read_table("mysql+pymysql://u:Geheim@localhost/b")


@pytest.mark.parametrize(
    "text", ["postgresql://u:pa:s/s@h/b", "x --params=postgresql+psycopg://u:pass@h:1/b?table=t", "postgresql://h/b?password=pass"]
)
def test_passwords_are_not_redact_password(text):
    assert "***" in redact_password(text)
    assert "pa" not in redact_password(text).replace("params", "").replace("password", "")


DOCS = Path(__file__).parents[2] / "docs" / "tables.md"


def code_blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)


def test_the_documented_table_is_the_one_made(tmp_path):
    place, documented = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    CliRunner().invoke(app, ["init", place], catch_exceptions=False)
    (ddl,) = code_blocks("sql")
    execute(documented, *re.sub("--.*", "", ddl).strip().rstrip(";").split(";"))
    columns = "SELECT name FROM pragma_table_info('dancheong_params')"
    assert execute(place, columns) == execute(documented, columns) != []
    write_table(documented, ROWS)


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


@pytest.mark.parametrize("password", ["qq@xyz", "qq/xyz", "qq#xyz", "qq?xyz@x", "qq xyz", "geheim:1@2"])
def test_a_password_is_never_shown_in_part(password):
    with pytest.raises(ParamError) as caught:
        read_table(f"postgresql://user:{password}@nowhere.invalid/base")
    assert "%40" in str(caught.value)
    assert not any(part in str(caught.value) for part in re.findall(r"[a-z]{2,}", password))
