"""Answers of the official Python evaluator, for the differential tests.

Reads one request a line, and writes one reply a line:

    {"document": TEXT, "now": SECONDS, "asks": [{"flag", "context", "type"?}], "trace"?: true}
    {"answers": [{"reason", "variant"?, "value"?, "errorCode"?, "metadata"?, "trace"?}]}
    {"refused": MESSAGE}

The evaluator is as it was installed. Only the clock is ours; and for a trace, the function that walks
a rule is replaced by one that calls it and writes down what it was given and what it gave.
"""

import json
import logging
import math
import os
import sys
import time

import json_logic.apply as logic
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

targeting = sys.modules["openfeature.contrib.tools.flagd.core.targeting.targeting"]

# The operator `log` writes to sys.stdout, and the replies must be alone there.
replies = sys.stdout
sys.stdout = open(os.devnull, "w")
logging.disable(logging.CRITICAL)

now = 0
time.time = lambda: now

DEFAULTS = {"boolean": True, "string": "ours", "integer": -7, "float": -7.5, "object": {"ours": 1}}


def resolve(core, ask):
    attributes = dict(ask["context"])
    context = EvaluationContext(attributes.pop("targetingKey", None), attributes)
    wanted = ask.get("type")
    default = DEFAULTS.get(wanted)
    try:
        if wanted is None:
            result = core._resolve(ask["flag"], default, context)
        else:
            resolver = getattr(core, f"resolve_{wanted}_value")
            result = resolver(ask["flag"], default, context)
    except OpenFeatureError as error:
        return {"reason": "ERROR", "errorCode": error.error_code.value}
    except Exception as error:
        # What an SDK makes of any other exception of its provider.
        return {"reason": "ERROR", "errorCode": "GENERAL", "raised": repr(error)}
    answer = {"reason": result.reason.value, "metadata": result.flag_metadata}
    if result.variant is None:
        if result.value is not default:
            raise AssertionError(f"a value without a variant: {result}")
    else:
        answer.update(variant=result.variant, value=result.value)
    return answer


class Trace:
    """Every application of an operator, innermost first, as the evaluator's own walk goes."""

    def __init__(self):
        self.steps = []
        self.open = [[]]
        self.root = None
        self.constant = False

    def apply(self, rule, data=None, operations=None):
        if self.root is None:
            self.root = data
        self.open.append([])
        step = None
        if isinstance(rule, dict) and len(rule) == 1:
            operator, given = next(iter(rule.items()))
            step = {
                "op": operator,
                "given": portable(given, RULE_DEPTH),
                "args": self.open[-1],
                # Copied now: `reduce` uses one object for all its items.
                "scope": portable(data) if operator in READERS else None,
                "inner": data is not self.root,
                "constant": self.constant,
            }
        try:
            result = walk(rule, data, operations)
            if step is not None:
                step["result"] = portable(result)
        finally:
            self.open.pop()
            if step is not None:
                self.steps.append(step)
        self.open[-1].append(portable(result))
        return result

    def constants(self, rule):
        """Some evaluators evaluate what reads nothing when they load it, whether reached or not."""
        if isinstance(rule, list):
            for item in rule:
                self.constants(item)
        elif isinstance(rule, dict) and len(rule) == 1:
            if constant(rule):
                try:
                    self.apply(rule, {}, targeting.OPERATORS)
                except Exception:
                    pass
            self.constants(next(iter(rule.values())))


READERS = ("var", "missing", "missing_some", "fractional")
LOOPS = ("map", "filter", "reduce", "all", "some", "none")


def constant(rule, in_loop=False):
    if isinstance(rule, list):
        return all(constant(item, in_loop) for item in rule)
    if not isinstance(rule, dict) or len(rule) != 1:
        return True
    operator, arguments = next(iter(rule.items()))
    if operator == "var":
        return in_loop
    if operator == "missing":
        return arguments == []
    if operator in ("missing_some", "fractional", "sem_ver", "starts_with", "ends_with"):
        return False
    if operator in LOOPS and isinstance(arguments, list):
        return constant(arguments[:1], in_loop) and constant(arguments[1:], True)
    return constant(arguments, in_loop)


def traced(core, ask):
    global walk
    trace = Trace()
    walk = logic.apply
    logic.apply = targeting.jsonLogic = trace.apply
    try:
        answer = resolve(core, ask)
        flag = core._flag_store.get_flag(ask["flag"])
        if flag is not None and flag.targeting:
            trace.constant = True
            trace.root = None
            trace.constants(flag.targeting)
    finally:
        logic.apply = targeting.jsonLogic = walk
    answer["trace"] = trace.steps
    return answer


# How deep values nest in a trace, and rules from another start: what reads it has bounds, too.
VALUE_DEPTH = 12
RULE_DEPTH = -60

# What is longer is cut in a trace; `reduce` can double a text as often as it likes.
LONGEST = 100


def portable(value, depth=0):
    """What JSON cannot say, as an object with one member that no case has."""
    if depth > VALUE_DEPTH:
        # `reduce` can put its own object into itself.
        return {"$deep": True}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return {"$integer": str(value)}
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, (list, tuple)):
        return [portable(item, depth + 1) for item in value[:LONGEST]]
    if isinstance(value, dict):
        return {key: portable(item, depth + 1) for key, item in value.items()}
    return value


def reply(request):
    global now
    now = request["now"]
    core = FlagdCore()
    try:
        core.set_flags(request["document"])
    except Exception as error:
        return {"refused": repr(error)}
    answer = traced if request.get("trace") else resolve
    return {"answers": [answer(core, ask) for ask in request["asks"]]}


for line in sys.stdin.buffer:
    json.dump(reply(json.loads(line)), replies)
    replies.write("\n")
    replies.flush()
