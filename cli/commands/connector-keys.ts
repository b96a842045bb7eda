// `gatehouse connectors revoke`, `rotate-key` and `site`: a connector's key, taken away or changed, and whose replica it is.

import type { Command } from 'commander';
import { ConnectorList, EndingReason, type ListedConnector, RevokedConnector, RotationAsked } from '../../core/api.ts';
import { ConnectorSite } from '../../core/fleet/fleet-member.ts';
import { SiteName } from '../../core/fleet/site.ts';
import { ConnectorId } from '../../core/ids.ts';
import { unreachable } from '../../core/result.ts';
import { checked, type Cli } from '../cli.ts';
import { confirm } from '../confirm.ts';
import { Failure } from '../failure.ts';
import { line } from '../terminal-text.ts';

const ID = 'its id, con_..., as gatehouse connectors lists it';

export function addConnectorKeys(connectors: Command, cli: Cli): void {
  connectors
    .command('revoke')
    .description('Take the key of a connector away for good, and end its sessions (administrators)')
    .argument('ID', ID)
    .requiredOption('--reason <TEXT>', 'why; whoever is in its sessions reads it')
    .option('-y, --yes', 'do not ask')
    .action(async (text: string, options: { reason: string; yes?: boolean }, command: Command) => {
      const id = checked(ConnectorId, text, 'ID');
      const reason = checked(EndingReason, options.reason, '--reason');
      const { client, output } = await cli.open(command);
      if (!options.yes) {
        const { connectors } = await client.get('/connectors', ConnectorList);
        const found = connectors.find((one) => one.id === id);
        if (!found) throw new Failure(1, 'not_found', `there is no connector ${id}`);
        await confirm(cli, output, {
          ask: `Revoke ${nameOf(found)} (${found.online ? 'online' : 'offline'})? Its sessions end, and it cannot be taken back.`,
          otherwise: 'nothing was revoked',
        });
      }
      const revoked = await client.post(`/connectors/${id}/revoke`, { reason }, RevokedConnector);
      await output.answer(revoked, () => revokedWords(revoked));
    });

  connectors
    .command('rotate-key')
    .description('Have a connector make a new key; its sessions go on (administrators)')
    .argument('ID', ID)
    .action(async (text: string, _options: object, command: Command) => {
      const id = checked(ConnectorId, text, 'ID');
      const { client, output } = await cli.open(command);
      const asked = await client.post(`/connectors/${id}/rotate-key`, {}, RotationAsked);
      await output.answer(asked, () => rotationWords(asked));
    });
  addConnectorSite(connectors, cli);
}

function addConnectorSite(connectors: Command, cli: Cli): void {
  connectors
    .command('site')
    .description('Make a connector a replica of a site; without SITE, of none (administrators)')
    .argument('ID', ID)
    .argument('[SITE]', 'replicas of it announce the same resources, and stand in for each other')
    .action(async (text: string, name: string | undefined, _options: object, command: Command) => {
      const id = checked(ConnectorId, text, 'ID');
      const wanted = name === undefined ? null : checked(SiteName, name, 'SITE');
      const { client, output } = await cli.open(command);
      const { site } = await client.put(`/connectors/${id}/site`, { site: wanted }, ConnectorSite);
      await output.answer({ id, site }, () =>
        site === null
          ? `${id} is of no site now. It links anew.`
          : `${id} is a replica of ${site} now. It links anew, and announces what it has as the site's.`,
      );
    });
}

const nameOf = ({ name, id }: ListedConnector): string => `connector ${line(name)} (${id})`;

function revokedWords({ connector, sessions, connectorWas }: RevokedConnector): string {
  const of = sessions === 1 ? 'One session' : `${sessions} sessions`;
  const done = `Revoked ${nameOf(connector)}: the edge takes no key of it any more.`;
  if (sessions === 0) return `${done} It carried no session.`;
  return connectorWas === 'told'
    ? `${done} ${of} that it carried ${sessions === 1 ? 'was' : 'were'} told to end.`
    : `${done} It was not linked, so it did not hear it: ${of.toLowerCase()} may go on there until it is back, or until the grants end. Stop its process, and take its rights in the bucket away.`;
}

function rotationWords({ connector, connectorWas }: RotationAsked): string {
  switch (connectorWas) {
    case 'told':
      return `Asked ${nameOf(connector)} for a new key. gatehouse connectors shows it when it has one.`;
    case 'not_linked':
      return `${nameOf(connector)} is not linked now: it is asked for a new key when it is back.`;
    case 'too_old':
      return `${nameOf(connector)} is of an earlier release, which cannot change its key: update it. It is asked when it comes back.`;
    default:
      return unreachable(connectorWas);
  }
}
