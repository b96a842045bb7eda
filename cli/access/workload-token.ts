// The token that a job's own provider gives it. It comes from the provider, a variable, a file or standard input, and never from
// the command line, which others on the machine can read.

import { readFile } from 'node:fs/promises';
import { type Secret, secret } from '../../core/secret.ts';
import { Failure, usage } from '../failure.ts';
import { codeOf } from '../files/file-error.ts';
import type { Terminal } from '../output.ts';

export const WORKLOADS = ['github-actions', 'gitlab', 'buildkite', 'gcp', 'oidc'] as const;
type Workload = (typeof WORKLOADS)[number];

export interface TokenOptions {
  readonly tokenEnv?: string;
  readonly tokenFile?: string;
}

/** Where it is looked for when nothing else is said: in GitLab what `id_tokens` names it. */
const DEFAULT_VARIABLE = 'GATEHOUSE_ID_TOKEN';
const DEADLINE_MS = 10_000;
const MAX_CHARACTERS = 64 * 1024;

/** `origin`: Gatehouse's, which is the audience unless GATEHOUSE_AUDIENCE is another. */
export async function workloadToken(
  kind: Workload,
  options: TokenOptions,
  { env, stdin }: Pick<Terminal, 'env' | 'stdin'>,
  origin: string,
): Promise<Secret<string>> {
  const { tokenEnv, tokenFile } = options;
  if (tokenEnv !== undefined && tokenFile !== undefined) throw usage('--token-env and --token-file: name one of them');
  const given = tokenEnv !== undefined || tokenFile !== undefined;
  if (kind === 'github-actions' && !given) return fromGithub(env, env.GATEHOUSE_AUDIENCE || origin);
  if (tokenFile !== undefined) return tokenIn(await readToken(tokenFile, stdin), `--token-file ${tokenFile}`);
  const variable = tokenEnv ?? DEFAULT_VARIABLE;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable))
    throw usage('--token-env: expected the name of a variable, not the token itself');
  const value = env[variable];
  if (!value) throw usage(`${variable} is not set: --token-env NAME or --token-file FILE says where the token is`);
  return tokenIn(value, variable);
}

async function readToken(file: string, stdin: Terminal['stdin']): Promise<string> {
  if (file !== '-') {
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      throw usage(`cannot read --token-file ${file}: ${codeOf(error)}`);
    }
  }
  let text = '';
  stdin.setEncoding('utf8');
  for await (const chunk of stdin) {
    text += chunk;
    if (text.length > MAX_CHARACTERS) break;
  }
  return text;
}

/** Says where it was, and nothing of what was there. */
function tokenIn(text: string, where: string): Secret<string> {
  const token = text.trim();
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) || token.length > MAX_CHARACTERS)
    throw usage(`${where} holds no signed token (three parts with dots between them)`);
  return secret(token);
}

/** https://docs.github.com/en/actions/reference/security/oidc: the runner's address, and a token for it that is the job's. */
async function fromGithub(env: Terminal['env'], audience: string): Promise<Secret<string>> {
  const [address, bearer] = [env.ACTIONS_ID_TOKEN_REQUEST_URL, env.ACTIONS_ID_TOKEN_REQUEST_TOKEN];
  if (!address || !bearer)
    throw usage(
      'ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set: the job needs permissions: { id-token: write }, which runs for pull requests from forks do not get',
    );
  const url = URL.parse(address);
  const local = url?.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (!url || (url.protocol !== 'https:' && !local))
    throw usage('ACTIONS_ID_TOKEN_REQUEST_URL is no address of a runner: expected https');
  url.searchParams.set('audience', audience);
  const away = (why: string) => new Failure(3, 'unreachable', `GitHub gives no token: ${why}`);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      headers: { authorization: `Bearer ${bearer}`, accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    text = await response.text();
  } catch (error) {
    throw away(error instanceof Error && error.name === 'TimeoutError' ? 'no answer in time' : 'it cannot be reached');
  }
  if (!response.ok) throw away(`it answered ${response.status}`);
  try {
    const { value } = JSON.parse(text) as { value?: unknown };
    return tokenIn(typeof value === 'string' ? value : '', "GitHub's answer");
  } catch (error) {
    throw error instanceof Failure ? error : away('its answer is not understood');
  }
}
