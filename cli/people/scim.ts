// `gatehouse scim`: the tokens by which a company's directory keeps people and groups here.

import type { Command } from 'commander';
import { ScimTokenId } from '../../core/ids.ts';
import { ListedScimToken, MadeScimToken, MakeScimToken, ScimStanding } from '../../core/people/scim-tokens.ts';
import { checked, type Cli } from '../cli.ts';
import { time } from '../output.ts';
import { line } from '../terminal-text.ts';

export function addScim(command: Command, cli: Cli): void {
  command
    .command('show')
    .description('the endpoint, its tokens, and how many people and groups there are')
    .action(async (_options: object, command: Command) => {
      const { client, output } = await cli.open(command);
      const standing = await client.get('/scim', ScimStanding);
      const { endpoint, tokens, users, inactive, groups } = standing;
      await output.answer(standing, () =>
        output.details([
          ['endpoint', line(endpoint)],
          ['users', `${users}, ${inactive} of them deactivated`],
          ['groups', String(groups)],
          ...tokens.map(({ id, name, madeBy, madeAt, usedAt }): [string, string] => [
            'token',
            `${id} ${line(name)}, made by ${line(madeBy)} ${time(madeAt)}, ${usedAt === undefined ? 'never used' : `last used ${time(usedAt)}`}`,
          ]),
        ]),
      );
    });

  command
    .command('token')
    .description('make a token; to change one, make another, give it to the directory, and revoke the first')
    .argument('NAME', 'whose it is: okta, entra')
    .action(async (text: string, _options: object, command: Command) => {
      const name = checked(MakeScimToken.shape.name, text, 'NAME');
      const { client, output } = await cli.open(command);
      const made = await client.post('/scim/tokens', { name }, MadeScimToken);
      await output.answer(made, () =>
        output.details([
          ['endpoint', line(made.endpoint)],
          ['token', `${made.token}  (shown this once)`],
          ['id', made.made.id],
        ]),
      );
    });

  command
    .command('revoke')
    .description('revoke a token: it is refused from now on')
    .argument('ID', 'its id, sct_..., as gatehouse scim show lists it')
    .action(async (text: string, _options: object, command: Command) => {
      const id = checked(ScimTokenId, text, 'ID');
      const { client, output } = await cli.open(command);
      const revoked = await client.post(`/scim/tokens/${id}/revoke`, {}, ListedScimToken);
      await output.answer(revoked, () => `Revoked ${revoked.id} (${line(revoked.name)}).`);
    });
}
