// How a command ends without success. Thrown by commands, caught once in main.ts: a CLI leaves
// through its exit code, so every failure names the code that scripts rely on.

/** 1: refused, or not proven. 2: used wrongly, or cannot run. 3: Gatehouse cannot be reached. */
type FailureCode = 1 | 2 | 3;

export class Failure extends Error {
  readonly exitCode: FailureCode;
  /** Stable snake_case noun. */
  readonly reason: string;
  /** Beside reason and message in the JSON form. */
  readonly details: Readonly<Record<string, unknown>>;

  /** Each line of `message` is printed as one of its own: every mistake of a file, say. */
  constructor(exitCode: FailureCode, reason: string, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.exitCode = exitCode;
    this.reason = reason;
    this.details = details;
  }
}

export const usage = (message: string): Failure => new Failure(2, 'usage', message);
export const edgeUnreachable = (message: string): Failure => new Failure(3, 'unreachable', message);
