import type { Command } from 'commander';
import { secret } from '../../core/secret.ts';
import { ApiClient } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { dropLogin, readLogin } from '../settings.ts';

export function addLogout(command: Command, cli: Cli): void {
  command.action(async (_options: object, command: Command) => {
    const output = cli.output(command);
    const login = await readLogin(cli.terminal.env);
    if (!login) return output.answer({ signedOut: false }, () => 'Nobody was signed in.');
    await dropLogin(cli.terminal.env);
    // The token is gone from here either way; when the edge is away it ends by itself.
    const ended = await new ApiClient({ origin: login.url, token: secret(login.token) }).delete('/token').then(
      () => true,
      () => false,
    );
    await output.answer({ signedOut: true, tokenEnded: ended, url: login.url }, () =>
      ended ? `Signed out of ${login.url}.` : `Forgot the login of ${login.url}; its token ends by itself.`,
    );
  });
}
