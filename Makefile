# All commands make what they need: a virtual environment in .venv. Nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Keeps every package that wants torch on the same build.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

WORKERS ?= 2
# The tests of a file go to one process, because they share what is costly to make.
SIDE_BY_SIDE := -n $(WORKERS) --dist loadfile
PYTEST = $(BIN)/python -m pytest $(SIDE_BY_SIDE)

.PHONY: color demo test test-slow test-all test-processors lint docs site clean

# A photograph of yours: make color PHOTO=old.jpg. Without it a scene that the program draws.
color: $(VENV)/run.done $(if $(PHOTO),,sample.png)
	$(BIN)/dancheong predict "$(or $(PHOTO),sample.png)"

sample.png: $(VENV)/run.done
	$(BIN)/python -c "from dancheong.scenes import scene; from dancheong.imaging.color import gray_of; \
	from dancheong.imaging.files import write_photo; write_photo('$@', gray_of(scene(7, 960, 640)))"

demo: $(VENV)/train.done
	$(BIN)/dancheong demo -o demo

test: $(VENV)/dev.done
	$(PYTEST) -m "not slow"

# The tests that start processes, kill or fuzz for seconds on end.
test-slow: $(VENV)/dev.done
	$(PYTEST) -m slow

test-all: $(VENV)/dev.done
	$(PYTEST)

# The tests of arithmetic again, as on processors that can do less than this one.
test-processors: $(VENV)/dev.done
	$(BIN)/python tools/other_processors.py -- $(SIDE_BY_SIDE)

lint: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/train.done
	$(BIN)/python tools/make_docs.py

site: $(VENV)/dev.done
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV)

# All that a prediction needs; no torch.
$(VENV)/run.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/train.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[train]'
	touch $@

$(VENV)/dev.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'  # that of Python 3.11 knows no groups
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	touch $@
