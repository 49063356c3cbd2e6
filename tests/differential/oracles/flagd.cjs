// Answers of the official JavaScript evaluator, for the differential tests.
//
//     node flagd.cjs DIRECTORY      with node_modules in DIRECTORY
//
// Reads one request a line and writes one reply a line, as flagd.py does, but for `trace`. The
// evaluator is as it was installed; only the clock is ours.

'use strict';
const { createRequire } = require('node:module');
const { resolve: absolute } = require('node:path');
const { createInterface } = require('node:readline');

const installed = createRequire(absolute(process.argv[2], 'package.json'));
const { FlagdCore } = installed('@openfeature/flagd-core');

let now = 0;
Date.now = () => now * 1000;

// The operator `log` writes to the console, and the replies must be alone on standard output.
console.log = () => {};
const silent = { error() {}, warn() {}, info() {}, debug() {} };

const defaults = { boolean: true, string: 'ours', number: -7.5, object: { ours: 1 } };
const resolvers = {
  boolean: 'resolveBooleanEvaluation',
  string: 'resolveStringEvaluation',
  number: 'resolveNumberEvaluation',
  object: 'resolveObjectEvaluation',
};

function resolve(core, ask) {
  const first = [...(core.getFlag(ask.flag)?.variants.values() ?? [])][0] ?? true;
  const type = typeOf(ask.type) ?? typeof first;
  const ours = defaults[type];
  const result = core[resolvers[type]](ask.flag, ours, ask.context, silent);
  const answer = { reason: result.reason, errorCode: result.errorCode, metadata: result.flagMetadata };
  if (result.errorCode || result.variant === undefined) {
    if (result.value !== ours) throw new Error(`a value without a variant: ${JSON.stringify(result)}`);
  } else {
    answer.variant = result.variant;
    answer.value = result.value;
  }
  return answer;
}

// JavaScript has one type of number.
function typeOf(type) {
  return type === 'integer' || type === 'float' ? 'number' : type;
}

function reply(request) {
  now = request.now;
  const core = new FlagdCore(undefined, silent);
  try {
    core.setConfigurations(request.document);
  } catch (error) {
    return { refused: String(error) };
  }
  return { answers: request.asks.map((ask) => resolve(core, ask)) };
}

createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(JSON.stringify(reply(JSON.parse(line))) + '\n');
});
