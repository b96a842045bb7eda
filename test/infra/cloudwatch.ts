// CloudWatch as far as our alarms need it: JSON metric filters, and alarms on one datapoint. Whatever a template says beyond that is an error here, never a guess.
// Not covered: that AWS/Lambda and AWS/SQS metrics come, delays, and delivery to subscribers.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html

import { like } from './policies.ts';

type Test = (line: unknown) => boolean;
const TOKEN =
  /\s*(\(|\)|&&|\|\||!=|>=|<=|=|>|<|IS (?:TRUE|FALSE|NULL)\b|\$(?:\.[A-Za-z0-9_-]+)+|"[^"]*"|-?\d+(?:\.\d+)?)/y;

/**
 * `{ ($.a.b = "te*t") && (($.n > 5) || ($.c IS TRUE)) }` of a line that is JSON; any other line matches nothing. `&&` binds closer than
 * `||`. Arrays, regular expressions and patterns of spaced or positional terms are errors here.
 */
export function matchesJsonFilter(pattern: string, line: string): boolean {
  const test = parseJsonFilter(pattern);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return false;
  }
  return test(value);
}

function parseJsonFilter(pattern: string): Test {
  const another = (): never => {
    throw new Error(`a filter pattern of another form: ${pattern}`);
  };
  const inner = /^\{(.*)\}$/.exec(pattern)?.[1]?.trim() ?? another();
  const tokens: string[] = [];
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < inner.length; ) tokens.push(TOKEN.exec(inner)?.[1] ?? another());
  const any = (): Test => {
    const tests = [all()];
    for (; tokens[0] === '||'; tests.push(all())) tokens.shift();
    return (line) => tests.some((test) => test(line));
  };
  const all = (): Test => {
    const tests = [one()];
    for (; tokens[0] === '&&'; tests.push(one())) tokens.shift();
    return (line) => tests.every((test) => test(line));
  };
  const one = (): Test => {
    const token = tokens.shift() ?? another();
    if (token === '(') {
      const test = any();
      return tokens.shift() === ')' ? test : another();
    }
    if (!token.startsWith('$')) another();
    const [operator = '', path] = [tokens.shift(), token.split('.').slice(1)];
    const is = /^IS (TRUE|FALSE|NULL)$/.exec(operator)?.[1];
    if (is) return (line) => valueAt(line, path) === { TRUE: true, FALSE: false, NULL: null }[is];
    const wanted = tokens.shift() ?? another();
    if (wanted.startsWith('"')) {
      const text = wanted.slice(1, -1);
      if (text.startsWith('%') || !['=', '!='].includes(operator)) another();
      return (line) => {
        const has = valueAt(line, path);
        return has !== undefined && (typeof has === 'string' && like([text], has, '')) === (operator === '=');
      };
    }
    const compare: Record<string, (a: number, b: number) => boolean> = {
      '=': (a, b) => a === b,
      '!=': (a, b) => a !== b,
      '>': (a, b) => a > b,
      '<': (a, b) => a < b,
      '>=': (a, b) => a >= b,
      '<=': (a, b) => a <= b,
    };
    const holds = compare[operator] ?? another();
    return (line) => {
      const has = valueAt(line, path);
      return typeof has === 'number' && holds(has, Number(wanted));
    };
  };
  const test = any();
  return tokens.length === 0 ? test : another();
}

function valueAt(line: unknown, path: readonly string[]): unknown {
  let value = line;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

export interface AlarmProperties {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Statistic: string;
  readonly Threshold: number;
  readonly ComparisonOperator: string;
  readonly EvaluationPeriods: number;
  readonly TreatMissingData: string;
  readonly AlarmActions: readonly unknown[];
  readonly ActionsEnabled?: boolean;
}

/** Whether it rings when one period has this value; undefined: no datapoint. */
export function rings(alarm: AlarmProperties, value: number | undefined): boolean {
  const compares = { GreaterThanThreshold: 1, LessThanThreshold: -1 }[alarm.ComparisonOperator];
  if (alarm.EvaluationPeriods !== 1 || compares === undefined) throw new Error('an alarm of another form');
  if (alarm.ActionsEnabled === false) return false;
  return value === undefined ? alarm.TreatMissingData === 'breaching' : value * compares > alarm.Threshold * compares;
}
