// What Lambda's Node runtime makes of console.log, line by line: its public source (aws-lambda-nodejs-
// runtime-interface-client, LogPatch.js), for both log formats. Not covered: how the platform ships lines
// to CloudWatch, its own lines (`platform.report`), and its cut at 256 KiB.

import { format } from 'node:util';

export type LogFormat = 'JSON' | 'Text';
const METHODS = { log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR', debug: 'DEBUG' } as const;
const REQUEST = '8476a536-e9f4-11e8-9739-2dfe598c3fcd';

/** Runs `work` with the console as it is in Lambda, and resolves to the lines that were written. */
export async function linesUnderLambda(logFormat: LogFormat, work: () => Promise<unknown>): Promise<string[]> {
  const lines: string[] = [];
  const before = { ...console };
  for (const [method, level] of Object.entries(METHODS))
    Object.assign(console, {
      [method]: (...given: unknown[]) => {
        lines.push((logFormat === 'JSON' ? jsonLine : textLine)(level, given));
      },
    });
  try {
    await work();
  } finally {
    Object.assign(console, before);
  }
  return lines;
}

function jsonLine(level: string, given: readonly unknown[]): string {
  const head = { timestamp: new Date().toISOString(), level, requestId: REQUEST };
  // One thing is put under `message` as it is; several are formatted as text.
  return JSON.stringify({ ...head, message: given.length === 1 ? given[0] : format(...given) });
}

const textLine = (level: string, given: readonly unknown[]): string =>
  `${new Date().toISOString()}\t${REQUEST}\t${level}\t${format(...given)}`.replaceAll('\n', '\r');
