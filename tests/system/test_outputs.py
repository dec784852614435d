"""One rule for what is there already, and one lock for two runs into one output."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dancheong.system.outputs import OutputTaken, check_folder, check_free, check_name, claimed

HOLD = "import sys, time\nfrom pathlib import Path\nfrom dancheong.system.outputs import claimed\n" \
       "with claimed(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(600)"


@pytest.fixture
def holder(tmp_path):
    """Another process that writes `m.h5`."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "m.h5")], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_what_is_there_is_named_and_counted(tmp_path):
    files = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    check_free(files, False)
    files[0].touch()
    files[2].touch()
    with pytest.raises(OutputTaken, match=r"a\.csv \(and 1 more\): .*--overwrite"):
        check_free(files, False)
    check_free(files, True)


def test_a_folder_is_never_replaced_by_a_file_nor_a_file_by_a_folder(tmp_path):
    (tmp_path / "m.h5").mkdir()
    with pytest.raises(OutputTaken, match="folder"):
        check_free([tmp_path / "m.h5"], True)
    (tmp_path / "thesis.txt").touch()
    for place in (tmp_path / "thesis.txt", tmp_path / "thesis.txt" / "below"):
        with pytest.raises(OutputTaken, match="is a file"):
            check_folder(place)
    check_folder(tmp_path / "new" / "below")


def test_a_name_of_another_kind_is_refused_with_one_that_would_do():
    check_name(Path("M.H5"), ".h5", "a model file")
    with pytest.raises(OutputTaken, match=r"thesis\.h5"):
        check_name(Path("thesis.txt"), ".h5", "a model file")


def test_a_second_run_is_refused_until_the_first_has_ended_even_by_a_kill(tmp_path, holder):
    with pytest.raises(OutputTaken, match=rf"another run \(process {holder.pid}\)"), claimed(tmp_path / "m.h5"):
        pass
    holder.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    holder.wait()
    assert [path.name for path in tmp_path.iterdir()] == [".m.h5.lock"]
    with claimed(tmp_path / "m.h5"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_one_process_is_one_run_too(tmp_path):
    with claimed(tmp_path / "m.h5"), claimed(tmp_path / "other.h5"):
        with pytest.raises(OutputTaken), claimed(tmp_path / "sub" / ".." / "m.h5"):
            pass
        with pytest.raises(OutputTaken), claimed(tmp_path / "m.h5"):
            pass
    with claimed(tmp_path / "m.h5"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_a_worker_that_outlives_its_run_does_not_keep_the_lock(tmp_path):
    code = HOLD.replace("    time.sleep(600)", "    import os\n    print(os.fork() or time.sleep(600), flush=True)\n    "
                        "time.sleep(600)")
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "m.h5")], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    worker = int(process.stdout.readline())
    try:
        process.kill()
        process.wait()
        os.kill(worker, 0)
        with claimed(tmp_path / "m.h5"):
            time.sleep(0)
    finally:
        os.kill(worker, signal.SIGKILL)
        process.stdout.close()
