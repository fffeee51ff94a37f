"""The kinds of flaw that the generated C functions carry, each next to its repaired twin.

Does: for a kind of flaw, build a `Sketch`: the statements of one C function in a safe and in a flawed arrangement.
Both arrangements are made of the same tokens; what differs is what the code does (a check after the use instead of
before it, memory freed before its last use, the wrong variable guarded). Weakness names follow MITRE's CWE list.
Does not: choose fillers, layout or splits (`c_functions`), and does not claim that a safe twin is free of *every* flaw:
it is free of the planted one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.data.synthetic.c_sketches import Block, Names, Node, Sketch

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

NUL = r"'\0'"


def _leave(rng: Random, answer: str) -> str:
    return "return NULL;" if answer == "NULL" else f"return {rng.choice(('-1', '0', '1', '-2'))};"


def _is_null(rng: Random, name: str) -> str:
    return rng.choice((f"!{name}", f"{name} == NULL", f"NULL == {name}"))


def _outside(rng: Random, index: str, bound: str) -> str:
    return rng.choice((f"{index} >= {bound}", f"{bound} <= {index}", f"!({index} < {bound})"))


def _array_params(names: Names) -> tuple[str, ...]:
    return (f"int *{names.array}", f"size_t {names.bound}", f"size_t {names.index}")


def _object(names: Names) -> str:
    return f"struct {names.struct} *{names.obj}"


def _late_check(
    rng: Random, cwe: str, params: tuple[str, ...], condition: str, use: Node
) -> Sketch:
    """Sketch a function whose guard stands before (safe) or after (flawed) what it guards."""
    guard = Block(f"if ({condition})", (_leave(rng, "int"),))
    return Sketch(cwe=cwe, returns="int", params=params, safe=(guard, use), flawed=(use, guard))


def _write_bounds(rng: Random, names: Names) -> Sketch:
    if rng.randrange(2):
        use = f"{names.array}[{names.index}] {rng.choice(('=', '^=', '|='))} {names.value};"
        params = (*_array_params(names), f"int {names.value}")
        return _late_check(rng, "CWE-787", params, _outside(rng, names.index, names.bound), use)
    use = f"{names.obj}->{names.text}[{names.index}] = {rng.choice(('0', str(names.number)))};"
    condition = _outside(rng, names.index, f"{names.obj}->{names.size}")
    return _late_check(rng, "CWE-787", (_object(names), f"size_t {names.index}"), condition, use)


def _read_bounds(rng: Random, names: Names) -> Sketch:
    cell = f"{names.array}[{names.index}]"
    condition = _outside(rng, names.index, names.bound)
    use = f"{names.result} {rng.choice(('=', '^='))} {cell};"
    return _late_check(rng, "CWE-125", _array_params(names), condition, use)


def _scan_bounds(rng: Random, names: Names) -> Sketch:
    inside, differs = (
        f"{names.index} < {names.bound}",
        f"{names.array}[{names.index}] != {names.value}",
    )
    step = (rng.choice((f"{names.index}++;", f"{names.index} += 1;", f"++{names.index};")),)
    last = rng.choice(
        (
            f"{names.result} = {names.index} == {names.bound};",
            f"{names.result} = (int){names.index};",
        )
    )
    return Sketch(
        cwe="CWE-125",
        returns="int",
        params=(*_array_params(names), f"int {names.value}"),
        safe=(Block(f"while ({inside} && {differs})", step), last),
        flawed=(Block(f"while ({differs} && {inside})", step), last),
    )


def _null_check(rng: Random, names: Names) -> Sketch:
    member = f"{names.obj}->{rng.choice((names.first, names.second))}"
    use = rng.choice((f"{names.result} = {member};", f"{member} = {names.number};", f"{member}++;"))
    return _late_check(rng, "CWE-476", (_object(names),), _is_null(rng, names.obj), use)


def _null_condition(rng: Random, names: Names) -> Sketch:
    present = rng.choice((names.obj, f"{names.obj} != NULL"))
    member = f"{names.obj}->{names.first} {rng.choice(('>', '<', '=='))} {names.number}"
    then = (f"{names.result} = {rng.choice(('1', '2', f'{names.number}'))};",)
    return Sketch(
        cwe="CWE-476",
        returns="int",
        params=(_object(names),),
        safe=(Block(f"if ({present} && {member})", then),),
        flawed=(Block(f"if ({member} && {present})", then),),
    )


def _unchecked_allocation(rng: Random, names: Names) -> Sketch:
    text = names.obj
    take = f"{text} = malloc({names.bound});"
    guard = Block(f"if ({_is_null(rng, text)})", ("return NULL;",))
    use = rng.choice(
        (f"memset({text}, 0, {names.bound});", f"memcpy({text}, {names.source}, {names.bound});")
    )
    return Sketch(
        cwe="CWE-476",
        returns="char *",
        params=(f"const char *{names.source}", f"size_t {names.bound}"),
        variables=(f"char *{text};",),
        safe=(take, guard, use),
        flawed=(take, use, guard),
        answer=text,
        holds=True,
    )


def _use_after_free(rng: Random, names: Names) -> Sketch:
    member = f"{names.obj}->{rng.choice((names.first, names.second))}"
    show, update = f'printf("%d\\n", {member});', f"{names.result} ^= {member} & {names.number};"
    use = rng.choice(
        (f"{names.result} = {member};", show, update, f"puts({names.obj}->{names.text});")
    )
    release = f"free({names.obj});"
    params = (_object(names),)
    return Sketch(
        cwe="CWE-416",
        returns="int",
        params=params,
        safe=(use, release),
        flawed=(release, use),
        holds=True,
    )


def _double_free(rng: Random, names: Names) -> Sketch:
    member = f"{names.obj}->{names.text}"
    release, clear = f"free({member});", f"{member} = NULL;"
    again = Block(
        f"if ({names.obj}->{names.first} {rng.choice(('>', '==', '<'))} {names.number})", (release,)
    )
    return Sketch(
        cwe="CWE-415",
        returns="int",
        params=(_object(names),),
        safe=(release, clear, again),
        flawed=(release, again, clear),
        holds=True,
    )


def _leak(rng: Random, names: Names) -> Sketch:
    text = names.obj
    take = f"{text} = {rng.choice((f'malloc({names.bound})', f'calloc({names.bound}, 1)'))};"
    refuse = Block(f"if ({names.bound} > {names.number * 16})", ("return NULL;",))
    guard = Block(f"if ({_is_null(rng, text)})", ("return NULL;",))
    return Sketch(
        cwe="CWE-401",
        returns="char *",
        params=(f"size_t {names.bound}",),
        variables=(f"char *{text};",),
        safe=(refuse, take, guard),
        flawed=(take, guard, refuse),
        answer=text,
        holds=True,
    )


def _overflow(rng: Random, names: Names) -> Sketch:
    product = f"{names.bound} * {names.other}"
    use = f"{names.obj} = malloc({product});"
    limit = rng.choice(("SIZE_MAX", "UINT32_MAX"))
    guard = Block(
        f"if ({names.other} != 0 && {names.bound} > {limit} / {names.other})", ("return NULL;",)
    )
    return Sketch(
        cwe="CWE-190",
        returns="char *",
        params=(f"size_t {names.bound}", f"size_t {names.other}"),
        variables=(f"char *{names.obj};",),
        safe=(guard, use),
        flawed=(use, guard),
        answer=names.obj,
        holds=True,
    )


def _late_widening(rng: Random, names: Names) -> Sketch:
    left, right = rng.sample((names.bound, names.other), 2)
    return Sketch(
        cwe="CWE-190",
        returns="char *",
        params=(f"unsigned {names.bound}", f"unsigned {names.other}"),
        variables=(f"char *{names.obj};",),
        safe=(f"{names.obj} = malloc(((size_t){left}) * {right});",),
        flawed=(f"{names.obj} = malloc((size_t)({left} * {right}));",),
        answer=names.obj,
        holds=True,
    )


def _format_string(rng: Random, names: Names) -> Sketch:
    text = f"{names.obj}->{names.text}"
    head = rng.choice(
        ("printf(", "fprintf(stderr, ", f"snprintf({text}, {names.obj}->{names.size}, ")
    )
    tail = f"{names.obj}->{names.first} {rng.choice(('=', '+=', '|='))} {names.number};"
    return Sketch(
        cwe="CWE-134",
        returns="int",
        params=(_object(names), f"const char *{names.source}"),
        safe=(f'{head}"%s", {names.source});', tail),
        flawed=(f'{head}{names.source}, "%s");', tail),
    )


def _zero_divisor(rng: Random, names: Names) -> Sketch:
    use = f"{names.result} = {names.value} {rng.choice(('/', '%'))} {names.other};"
    condition = rng.choice((f"{names.other} == 0", f"!{names.other}", f"{names.other} <= 0"))
    return _late_check(rng, "CWE-369", (f"int {names.value}", f"int {names.other}"), condition, use)


def _terminator(rng: Random, names: Names) -> Sketch:
    text = f"{names.obj}->{names.text}"
    end = f"{text}[{names.obj}->{names.size} - 1]"
    copy = f"strncpy({text}, {names.source}, {names.obj}->{names.size});"
    close = f"{end} = {rng.choice(('0', NUL))};"
    return Sketch(
        cwe="CWE-170",
        returns="int",
        params=(_object(names), f"const char *{names.source}"),
        safe=(copy, close),
        flawed=(close, copy),
    )


def _copy_bounds(rng: Random, names: Names) -> Sketch:
    condition = _outside(rng, f"strlen({names.source})", f"{names.obj}->{names.size}")
    use = f"strcpy({names.obj}->{names.text}, {names.source});"
    return _late_check(
        rng, "CWE-120", (_object(names), f"const char *{names.source}"), condition, use
    )


def _unlocked(rng: Random, names: Names) -> Sketch:
    lock, unlock = (f"pthread_mutex_{verb}(&{names.obj}->guard);" for verb in ("lock", "unlock"))
    use = f"{names.obj}->{names.second}{rng.choice(('++', '--', f' = {names.number}'))};"
    return Sketch(
        cwe="CWE-362",
        returns="int",
        params=(_object(names),),
        safe=(lock, use, unlock),
        flawed=rng.choice(((lock, unlock, use), (use, lock, unlock))),
        holds=True,
    )


def _off_by_one(rng: Random, names: Names) -> Sketch:
    use = rng.choice(
        (f"{names.result} ^= {names.array}[{names.other}];", f"{names.array}[{names.other}] = 0;")
    )

    def body(in_loop: str, elsewhere: str) -> tuple[Node, ...]:
        loop = f"for (size_t {names.other} = 0; {names.other} {in_loop} {names.bound}; {names.other}++)"
        return Block(loop, (use,)), Block(
            f"if ({names.result} {elsewhere} {names.number})", (f"{names.result}++;",)
        )

    params = _array_params(names)[:2]
    return Sketch(
        cwe="CWE-193", returns="int", params=params, safe=body("<", "<="), flawed=body("<=", "<")
    )


def _wrong_variable(rng: Random, names: Names) -> Sketch:
    use, answer = f"{names.array}[{names.index}] = {names.number};", _leave(rng, "int")

    def body(guarded: str, last: str) -> tuple[Node, ...]:
        return (
            Block(f"if ({guarded} >= {names.bound})", (answer,)),
            use,
            f"{names.result} = (int){last};",
        )

    return Sketch(
        cwe="CWE-129",
        returns="int",
        params=(*_array_params(names), f"size_t {names.other}"),
        safe=body(names.index, names.other),
        flawed=body(names.other, names.index),
    )


# (kind, weight): order kinds dominate; the last three need more than order and keep the task from being trivial
KINDS: tuple[tuple[Callable[[Random, Names], Sketch], int], ...] = (
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


def draw_sketch(rng: Random, names: Names) -> Sketch:
    """Draw a kind of flaw by its weight and sketch it with `names`."""
    kinds, weights = zip(*KINDS, strict=True)
    build: Callable[[Random, Names], Sketch] = rng.choices(kinds, weights=weights)[0]
    return build(rng, names)
