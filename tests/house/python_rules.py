"""House rules of one Python file: each takes (path inside the repository, its text, its tree) and returns what breaks it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

Rule = Callable[[PurePosixPath, str, ast.Module], list[str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef

FILE_LINES, FUNCTION_LINES = 400, 60
PATH_PARTS = ("utils", "util", "common", "helpers", "misc", "core", "tools")
CLASS_ENDINGS = ("Manager", "Handler", "Helper", "Util", "Utils", "Processor", "Wrapper")
MUTABLE_CALLS = ("list", "dict", "set", "defaultdict", "deque", "OrderedDict", "Counter", "bytearray")
FROZEN_ANNOTATIONS = ("Mapping", "Sequence", "frozenset", "Set", "Final")
CLOCKS = (
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.perf_counter",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
)
SEEDED = ("Generator", "default_rng", "SeedSequence", "PCG64", "BitGenerator", "Philox")
FORBIDDEN_IMPORTS = ("pickle", "joblib", "dill", "marshal", "shelve", "cloudpickle")
PLACEHOLDERS = re.compile(
    "|".join((r"\bTO" + "DO\\b", r"\bFIX" + "ME\\b", r"\bX" + "XX\\b", "NotImplemented" + "Error", "not implemented" + " yet"))
)


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a chain of attributes, "" for anything else."""
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr}" if left else ""
    return node.id if isinstance(node, ast.Name) else ""


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function and method, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def decorated(node: Function | ast.ClassDef, name: str) -> bool:
    """Whether a decorator's last part is `name`."""
    return any(dotted(each.func if isinstance(each, ast.Call) else each).split(".")[-1] == name for each in node.decorator_list)


def exported(tree: ast.Module) -> list[str] | None:
    """The names in `__all__`, None where there is none."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and target.id == "__all__" and isinstance(node.value, ast.List | ast.Tuple):
            return [each.value for each in node.value.elts if isinstance(each, ast.Constant)]
    return None


def file_length(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """A file stays under 400 lines."""
    lines = text.count("\n")
    return [f"{path}: {lines} lines; a file stays under {FILE_LINES}: it wants a second name"] if lines >= FILE_LINES else []


def function_length(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """A function stays under 60 lines. In cli the docstring of a command is its help page and does not count."""

    def lines(node: Function) -> int:
        first = node.body[0]
        help_page = "cli" in path.parts and isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        return (node.end_lineno or 0) - node.lineno + 1 - (((first.end_lineno or 0) - first.lineno + 1) if help_page else 0)

    long = ((node, lines(node)) for node in functions(tree))
    return [
        f"{path}:{node.lineno} {node.name}: {n} lines; a function stays under {FUNCTION_LINES}" for node, n in long if n >= FUNCTION_LINES
    ]


def path_names(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """Rooms and files are named with the field's words."""
    parts = [part.removesuffix(".py").removesuffix(".rs") for part in path.parts]
    bad = [part for part in parts if part in PATH_PARTS or part.startswith("base_")]
    return [f"{path}: no path part is named {part!r}; name the thing in the market or the mathematics" for part in bad]


def class_names(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """A class is named after a thing in the market or in the mathematics."""
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name.endswith(CLASS_ENDINGS))
    return [f"{path}:{node.lineno} class {node.name}: no class is named …{'/…'.join(CLASS_ENDINGS)}" for node in classes]


def _place(name: str) -> tuple[int, list[int | str]]:
    kind = 0 if name.isupper() else 1 if name[:1].isupper() else 2
    return kind, [f"{int(part):08d}" if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def all_sorted(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """`__all__` is sorted: constants, classes, the rest."""
    names = exported(tree) or []
    return [f"{path}: __all__ is not sorted; ruff check --fix sorts it"] if names != sorted(names, key=_place) else []


def all_complete(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """Every module has `__all__`, and every public name it defines is in it."""
    defined = []
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef):
            defined.append(node.name)
        elif isinstance(node, ast.Assign):
            defined += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            defined.append(node.target.id)
    public = [name for name in defined if not name.startswith("_")]
    names = exported(tree)
    if names is None:
        return [f"{path}: no __all__"] if public else []
    return [f"{path}: {name} is public but not in __all__; add it or give it an underscore" for name in public if name not in names]


def constructor_kwargs(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """No `**kwargs` in a public constructor."""
    out = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            makers = (each for each in node.body if isinstance(each, Function) and each.name in ("__init__", "__new__"))
            out += [f"{path}:{each.lineno} {node.name}: no **{each.args.kwarg.arg} in a constructor" for each in makers if each.args.kwarg]
    return out


def module_state(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """No mutable state in a module: constants are tuples, frozensets or annotated as Mapping."""
    out = []
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        name = target.id if isinstance(target, ast.Name) else ""
        if name == "__all__" or (
            isinstance(node, ast.AnnAssign) and any(word in ast.unparse(node.annotation) for word in FROZEN_ANNOTATIONS)
        ):
            continue
        made = isinstance(node.value, ast.Call) and dotted(node.value.func).split(".")[-1] in MUTABLE_CALLS
        if made or isinstance(node.value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
            out.append(f"{path}:{node.lineno} {name}: mutable at module level; use a tuple, or annotate it Mapping[...]")
    out += [f"{path}:{node.lineno}: `global` makes module state" for node in ast.walk(tree) if isinstance(node, ast.Global)]
    return out


def printing(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """Nothing prints; the command line writes through its console."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and dotted(node.func) in ("print", "pprint", "pprint.pprint"))
    return [f"{path}:{node.lineno}: print; hand the value back, cli writes it" for node in calls]


def broad_excepts(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """An except names what it expects."""
    out = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(each is None or dotted(each) in ("Exception", "BaseException") for each in caught):
                out.append(f"{path}:{node.lineno}: except without the names of the errors it expects")
    return out


def clocks_and_dice(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """Clocks and random sources are passed in, never taken from a module; only cli, the edge, reads the clock."""
    out = []
    for node in ast.walk(tree):
        name = dotted(node.func) if isinstance(node, ast.Call) else ""
        clock = name in CLOCKS or name.startswith("datetime.") and name.removeprefix("datetime.") in CLOCKS
        if clock and "cli" not in path.parts:
            out.append(f"{path}:{node.lineno}: {name}() reads the clock; take the time or a clock as an argument")
        drawn = name.split(".")[-1]
        unseeded = isinstance(node, ast.Call) and drawn == "default_rng" and not node.args
        if name.startswith(("np.random.", "numpy.random.")) and (drawn not in SEEDED or unseeded):
            out.append(f"{path}:{node.lineno}: {name}() draws from the module; take a numpy Generator as an argument")
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
            if "random" in modules:
                out.append(f"{path}:{node.lineno}: imports random; take a numpy Generator as an argument")
    return out


def placeholders(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """No placeholder lands: no empty body, no stub, no promise."""
    out = [
        f"{path}:{i}: {found[0]!r} is a placeholder" for i, line in enumerate(text.splitlines(), 1) if (found := PLACEHOLDERS.search(line))
    ]
    contracts = {
        id(each)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(dotted(b.value if isinstance(b, ast.Subscript) else b).endswith("Protocol") for b in node.bases)
        for each in node.body
    }
    for node in functions(tree):
        rest = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)) and not isinstance(s, ast.Pass)]
        if not rest and id(node) not in contracts and not decorated(node, "abstractmethod") and not decorated(node, "overload"):
            out.append(f"{path}:{node.lineno} {node.name}: empty body")
    return out


def unsafe_parsing(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """No pickle, no eval, no yaml.load without a safe loader, no torch.load."""
    out = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            out += [f"{path}:{node.lineno}: imports {name}" for name in modules if name.split(".")[0] in FORBIDDEN_IMPORTS]
        if isinstance(node, ast.Call):
            name, words = dotted(node.func), {word.arg for word in node.keywords}
            bare_yaml = name == "yaml.load" and "Loader" not in words
            if (
                name in ("eval", "exec", "torch.load", "torch.save", "yaml.unsafe_load", "yaml.full_load")
                or bare_yaml
                or "allow_pickle" in words
            ):
                out.append(f"{path}:{node.lineno}: {name} can run what it reads")
    return out


def tests_can_fail(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """A test that cannot fail is a defect. It may assert through a function of its file that asserts."""
    words = ("Assert(", "raises", "assert_", "check", "expect", "warns")
    words += tuple(f"id='{node.name}'" for node in functions(tree) if any(word in ast.dump(node) for word in words))
    tests = (node for node in functions(tree) if node.name.startswith("test_"))
    return [f"{path}:{node.lineno} {node.name}: asserts nothing" for node in tests if not any(word in ast.dump(node) for word in words)]


EVERYWHERE: tuple[Rule, ...] = (file_length, function_length, path_names, class_names, broad_excepts, placeholders, unsafe_parsing)
IN_PACKAGE: tuple[Rule, ...] = (all_sorted, all_complete, constructor_kwargs, module_state, printing, clocks_and_dice)
IN_TESTS: tuple[Rule, ...] = (tests_can_fail,)
