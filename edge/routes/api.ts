// What the resource files of this folder share: the typed router, who is asking, and how a use
// case's answer leaves. A route parses, calls one use case, and answers.

import '../../core/text/schema-words.ts';
import { OpenAPIHono, type RouteConfig } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import type { z } from 'zod';
import { ApiError } from '../../core/api.ts';
import type { Identity } from '../../core/identity.ts';
import type { Result } from '../../core/result.ts';
import type { Gatehouse, UseCaseFault } from '../gatehouse.ts';
import { errorBody, statusOf } from '../http-errors.ts';
import type { SignedIn } from '../identity/signed-in.ts';

export interface ApiEnv {
  Variables: { signedIn: SignedIn };
}
export type Api = OpenAPIHono<ApiEnv>;

export interface ApiDeps {
  readonly gatehouse: Gatehouse;
}

export function newApi(): Api {
  const api = new OpenAPIHono<ApiEnv>({
    defaultHook: (result, c) => {
      if (result.success) return undefined;
      const issue = result.error.issues[0];
      const where = issue?.path.map(String).join('.') || result.target;
      return c.json(errorBody('bad_request', `${where}: ${issue?.message ?? 'not understood'}`), 400);
    },
  });
  const openapi = api.openapi.bind(api);
  // Routes that take queries refuse keys which they do not know; one that takes none refuses each.
  api.openapi = ((route: RouteConfig, ...handlers: never[]) => {
    const takesNone = route.method === 'get' && route.request?.query === undefined;
    return (openapi as (...args: unknown[]) => unknown)(
      takesNone ? { ...route, middleware: [refuseQuery, ...[route.middleware ?? []].flat()] } : route,
      ...handlers,
    );
  }) as typeof api.openapi;
  return api;
}

/** A cursor or a filter that is left out without a word would show more than was asked for. */
const refuseQuery: MiddlewareHandler = async (c, next) => {
  const [key] = Object.keys(c.req.query());
  if (key === undefined) return next();
  return c.json(errorBody('bad_request', `query: ${JSON.stringify(key)} is not known here`), 400);
};

export const whoAsks = (c: Context<ApiEnv>): Identity => c.get('signedIn').identity;

const error = (description: string) => ({ description, content: { 'application/json': { schema: ApiError } } });

/** The ways every signed-in route can fail. */
export const FAILURES = {
  400: error('Not understood; the message names what'),
  401: error('Nobody is signed in, or no longer'),
  403: error('Refused; the message says why'),
  404: error('There is none, or none for you'),
  409: error('Something else came first'),
  429: error('Too often; wait a minute'),
  503: error('A part of Gatehouse does not answer'),
} as const;

export const jsonAnswer = <S extends z.ZodType>(schema: S, description: string) =>
  ({ 200: { description, content: { 'application/json': { schema } } }, ...FAILURES }) as const;

export const jsonBody = <S extends z.ZodType>(schema: S) =>
  ({ required: true, content: { 'application/json': { schema } } }) as const;

/** A use case's failure as an answer that every route declares. */
export function failure(c: Context<ApiEnv>, fault: UseCaseFault) {
  const { reason, message, purged, signInAgain } = fault;
  return c.json(
    errorBody(reason, message, { ...(purged && { purged }), ...(signInAgain && { signInAgain }) }),
    statusOf(reason) as keyof typeof FAILURES,
  );
}

/** `value` is written as it is: use cases answer in core's shapes. */
export function answer<T extends object>(c: Context<ApiEnv>, result: Result<T, UseCaseFault>) {
  return result.ok ? c.json(result.value as never, 200) : failure(c, result.error);
}
