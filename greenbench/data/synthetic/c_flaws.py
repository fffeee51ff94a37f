"""The kinds of flaw that the generated C functions carry, each next to its repaired twin.

Does: for a kind of flaw, build a `Sketch`: the statements of one C function in a safe and in a
flawed arrangement. Both are made of the same tokens; what differs is what the code does (a check
after the use instead of before it, memory freed before its last use, the wrong variable guarded).
Weakness names follow MITRE's CWE list. Statements are templates: `{array}` stands for the
identifier that is drawn for that role (`c_sketches`).
Does not: choose fillers, layout or splits (`c_functions`), and does not claim that a safe twin is
free of *every* flaw: it is free of the planted one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.data.synthetic.c_sketches import Block, Node, Sketch

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

ARRAY = ("int *{array}", "size_t {bound}", "size_t {index}")
OBJECT = "struct {struct} *{obj}"
SOURCE = "const char *{source}"
MEMBERS = ("{obj}->{first}", "{obj}->{second}")
RETURN_NULL = ("return NULL;",)


def _early_return(rng: Random) -> str:
    answer = rng.choice(("-1", "0", "1", "-2"))
    return f"return {answer};"


def _is_null(rng: Random) -> str:
    return rng.choice(("!{obj}", "{obj} == NULL", "NULL == {obj}"))


def _outside(rng: Random, index: str, bound: str) -> str:
    return rng.choice((f"{index} >= {bound}", f"{bound} <= {index}", f"!({index} < {bound})"))


def _late_check(
    rng: Random, cwe: str, params: tuple[str, ...], condition: str, use: Node
) -> Sketch:
    """Sketch a function whose guard stands before (safe) or after (flawed) what it guards."""
    guard = Block(f"if ({condition})", (_early_return(rng),))
    return Sketch(cwe, params, safe=(guard, use), flawed=(use, guard))


def _allocating(
    cwe: str, params: tuple[str, ...], *, safe: tuple[Node, ...], flawed: tuple[Node, ...]
) -> Sketch:
    """Sketch a function that returns a buffer which it has allocated."""
    return Sketch(
        cwe,
        params,
        safe=safe,
        flawed=flawed,
        returns="char *",
        variables=("char *{obj};",),
        answer="{obj}",
        holds=True,
    )


def _write_bounds(rng: Random) -> Sketch:
    if rng.randrange(2):
        operator = rng.choice(("=", "^=", "|="))
        use = "{array}[{index}] " + operator + " {value};"
        condition = _outside(rng, "{index}", "{bound}")
        return _late_check(rng, "CWE-787", (*ARRAY, "int {value}"), condition, use)
    use = rng.choice(("{obj}->{text}[{index}] = 0;", "{obj}->{text}[{index}] = {number};"))
    condition = _outside(rng, "{index}", "{obj}->{size}")
    return _late_check(rng, "CWE-787", (OBJECT, "size_t {index}"), condition, use)


def _read_bounds(rng: Random) -> Sketch:
    condition = _outside(rng, "{index}", "{bound}")
    use = rng.choice(("{result} = {array}[{index}];", "{result} ^= {array}[{index}];"))
    return _late_check(rng, "CWE-125", ARRAY, condition, use)


def _scan_bounds(rng: Random) -> Sketch:
    step = (rng.choice(("{index}++;", "{index} += 1;", "++{index};")),)
    last = rng.choice(("{result} = {index} == {bound};", "{result} = (int){index};"))
    inside_first = Block("while ({index} < {bound} && {array}[{index}] != {value})", step)
    item_first = Block("while ({array}[{index}] != {value} && {index} < {bound})", step)
    return Sketch(
        "CWE-125",
        (*ARRAY, "int {value}"),
        safe=(inside_first, last),
        flawed=(item_first, last),
    )


def _null_check(rng: Random) -> Sketch:
    member = rng.choice(MEMBERS)
    read = "{result} = " + member + ";"
    write = member + " = {number};"
    use = rng.choice((read, write, member + "++;"))
    return _late_check(rng, "CWE-476", (OBJECT,), _is_null(rng), use)


def _null_condition(rng: Random) -> Sketch:
    present = rng.choice(("{obj}", "{obj} != NULL"))
    operator = rng.choice((">", "<", "=="))
    member = "{obj}->{first} " + operator + " {number}"
    then = (rng.choice(("{result} = 1;", "{result} = 2;", "{result} = {number};")),)
    return Sketch(
        "CWE-476",
        (OBJECT,),
        safe=(Block(f"if ({present} && {member})", then),),
        flawed=(Block(f"if ({member} && {present})", then),),
    )


def _unchecked_allocation(rng: Random) -> Sketch:
    take = "{obj} = malloc({bound});"
    guard = Block(f"if ({_is_null(rng)})", RETURN_NULL)
    use = rng.choice(("memset({obj}, 0, {bound});", "memcpy({obj}, {source}, {bound});"))
    return _allocating(
        "CWE-476",
        (SOURCE, "size_t {bound}"),
        safe=(take, guard, use),
        flawed=(take, use, guard),
    )


def _use_after_free(rng: Random) -> Sketch:
    member = rng.choice(MEMBERS)
    read = "{result} = " + member + ";"
    show = 'printf("%d\\n", ' + member + ");"
    update = "{result} ^= " + member + " & {number};"
    use = rng.choice((read, show, update, "puts({obj}->{text});"))
    release = "free({obj});"
    return Sketch(
        "CWE-416",
        (OBJECT,),
        safe=(use, release),
        flawed=(release, use),
        holds=True,
    )


def _double_free(rng: Random) -> Sketch:
    release = "free({obj}->{text});"
    clear = "{obj}->{text} = NULL;"
    operator = rng.choice((">", "==", "<"))
    again = Block("if ({obj}->{first} " + operator + " {number})", (release,))
    return Sketch(
        "CWE-415",
        (OBJECT,),
        safe=(release, clear, again),
        flawed=(release, again, clear),
        holds=True,
    )


def _leak(rng: Random) -> Sketch:
    take = rng.choice(("{obj} = malloc({bound});", "{obj} = calloc({bound}, 1);"))
    refuse = Block("if ({bound} > {large})", RETURN_NULL)
    guard = Block(f"if ({_is_null(rng)})", RETURN_NULL)
    return _allocating(
        "CWE-401",
        ("size_t {bound}",),
        safe=(refuse, take, guard),
        flawed=(take, guard, refuse),
    )


def _overflow(rng: Random) -> Sketch:
    use = "{obj} = malloc({bound} * {other});"
    limit = rng.choice(("SIZE_MAX", "UINT32_MAX"))
    guard = Block("if ({other} != 0 && {bound} > " + limit + " / {other})", RETURN_NULL)
    return _allocating(
        "CWE-190",
        ("size_t {bound}", "size_t {other}"),
        safe=(guard, use),
        flawed=(use, guard),
    )


def _late_widening(rng: Random) -> Sketch:
    left, right = rng.sample(("{bound}", "{other}"), 2)
    return _allocating(
        "CWE-190",
        ("unsigned {bound}", "unsigned {other}"),
        safe=("{obj} = " + f"malloc(((size_t){left}) * {right});",),
        flawed=("{obj} = " + f"malloc((size_t)({left} * {right}));",),
    )


def _format_string(rng: Random) -> Sketch:
    head = rng.choice(("printf(", "fprintf(stderr, ", "snprintf({obj}->{text}, {obj}->{size}, "))
    operator = rng.choice(("=", "+=", "|="))
    tail = "{obj}->{first} " + operator + " {number};"
    return Sketch(
        "CWE-134",
        (OBJECT, SOURCE),
        safe=(head + '"%s", {source});', tail),
        flawed=(head + '{source}, "%s");', tail),
    )


def _zero_divisor(rng: Random) -> Sketch:
    use = rng.choice(("{result} = {value} / {other};", "{result} = {value} % {other};"))
    condition = rng.choice(("{other} == 0", "!{other}", "{other} <= 0"))
    return _late_check(rng, "CWE-369", ("int {value}", "int {other}"), condition, use)


def _terminator(rng: Random) -> Sketch:
    copy = "strncpy({obj}->{text}, {source}, {obj}->{size});"
    zero = rng.choice(("0", r"'\0'"))
    close = "{obj}->{text}[{obj}->{size} - 1] = " + zero + ";"
    return Sketch(
        "CWE-170",
        (OBJECT, SOURCE),
        safe=(copy, close),
        flawed=(close, copy),
    )


def _copy_bounds(rng: Random) -> Sketch:
    condition = _outside(rng, "strlen({source})", "{obj}->{size}")
    use = "strcpy({obj}->{text}, {source});"
    return _late_check(rng, "CWE-120", (OBJECT, SOURCE), condition, use)


def _unlocked(rng: Random) -> Sketch:
    lock = "pthread_mutex_lock(&{obj}->guard);"
    unlock = "pthread_mutex_unlock(&{obj}->guard);"
    change = rng.choice(("++", "--", " = {number}"))
    use = "{obj}->{second}" + change + ";"
    return Sketch(
        "CWE-362",
        (OBJECT,),
        safe=(lock, use, unlock),
        flawed=rng.choice(((lock, unlock, use), (use, lock, unlock))),
        holds=True,
    )


def _off_by_one(rng: Random) -> Sketch:
    use = rng.choice(("{result} ^= {array}[{other}];", "{array}[{other}] = 0;"))
    below = Block("for (size_t {other} = 0; {other} < {bound}; {other}++)", (use,))
    beyond = Block("for (size_t {other} = 0; {other} <= {bound}; {other}++)", (use,))
    step = ("{result}++;",)
    # The last condition takes the other comparison, so that both arrangements have the same tokens.
    at_most = Block("if ({result} <= {number})", step)
    less = Block("if ({result} < {number})", step)
    return Sketch(
        "CWE-193",
        ("int *{array}", "size_t {bound}"),
        safe=(below, at_most),
        flawed=(beyond, less),
    )


def _wrong_variable(rng: Random) -> Sketch:
    leave = (_early_return(rng),)
    use = "{array}[{index}] = {number};"
    right_guard = Block("if ({index} >= {bound})", leave)
    wrong_guard = Block("if ({other} >= {bound})", leave)
    return Sketch(
        "CWE-129",
        (*ARRAY, "size_t {other}"),
        safe=(right_guard, use, "{result} = (int){other};"),
        flawed=(wrong_guard, use, "{result} = (int){index};"),
    )


# kind to weight: order kinds dominate; the last three need more than order and keep the task from
# being trivial
KINDS: tuple[tuple[Callable[[Random], Sketch], int], ...] = (
    (_write_bounds, 14),
    (_read_bounds, 10),
    (_scan_bounds, 6),
    (_null_check, 12),
    (_null_condition, 6),
    (_unchecked_allocation, 8),
    (_use_after_free, 12),
    (_double_free, 7),
    (_leak, 7),
    (_overflow, 5),
    (_zero_divisor, 7),
    (_terminator, 5),
    (_copy_bounds, 7),
    (_unlocked, 6),
    (_late_widening, 3),
    (_format_string, 3),
    (_off_by_one, 4),
    (_wrong_variable, 8),
)


def draw_sketch(rng: Random) -> Sketch:
    """Draw a kind of flaw by its weight and sketch a function that carries it."""
    kinds = [kind for kind, _ in KINDS]
    weights = [weight for _, weight in KINDS]
    (sketch,) = rng.choices(kinds, weights=weights)
    return sketch(rng)
