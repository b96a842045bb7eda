// The files that a connector is installed with, read by the programs that will read them where those are here: systemd's own
// verifier and kubectl's Kustomize. And what the files of one thing promise each other: times, ports, users.

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../connector/config/load-config.ts';

const ROOT = join(import.meta.dirname, '../..');
const INSTALL = join(ROOT, 'connector/install');
const directory = mkdtempSync(join(tmpdir(), 'gatehouse-install-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const read = (name: string) => readFileSync(join(INSTALL, name), 'utf8');
const UNIT = read('gatehouse-connector.service');
const drains = 300 + 20;

it('the settings to begin with are whole', () => {
  const loaded = loadConfig(['--config', join(INSTALL, 'connector.yaml')], {}, directory);
  expect(loaded).toMatchObject({ ok: true, value: { config: { name: 'office', state: '/var/lib/gatehouse' } } });
});

const systemd = existsSync('/usr/bin/systemd-analyze');
it.skipIf(!systemd)('systemd takes the unit without a word, and finds little that it exposes', () => {
  const unit = join(directory, 'gatehouse-connector.service');
  writeFileSync(unit, UNIT.replace('/usr/bin/node', process.execPath));
  const analyze = (...args: string[]) => {
    const { stdout, stderr } = spawnSync('systemd-analyze', [...args, unit], { encoding: 'utf8' });
    return stdout + stderr;
  };
  expect(analyze('verify')).toBe('');
  const exposed = /Overall exposure level[^:]*: ([\d.]+)/.exec(analyze('security', '--offline=true'))?.[1];
  expect(Number(exposed)).toBeLessThan(2);
});

it('whoever stops it gives it longer than it takes to drain', () => {
  expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(UNIT)?.[1])).toBeGreaterThan(drains);
  expect(parse(read('compose.yaml')).services.connector.stop_grace_period).toBe('6m');
  expect(parse(read('kubernetes/stateful-set.yaml')).spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(
    drains,
  );
});

const kubectl = ['/usr/bin/kubectl', '/usr/local/bin/kubectl'].find((path) => existsSync(path));
it.skipIf(kubectl === undefined)('Kustomize builds the manifests with settings and secrets of one’s own', () => {
  const office = join(directory, 'office');
  cpSync(join(INSTALL, 'kubernetes'), office, { recursive: true });
  cpSync(join(INSTALL, 'connector.yaml'), join(office, 'connector.yaml'));
  mkdirSync(join(office, 'secrets'));
  for (const name of ['join-token', 'shop-password']) writeFileSync(join(office, 'secrets', name), name);
  const built = execFileSync(kubectl ?? '', ['kustomize', office], { encoding: 'utf8' });
  const all = parseAllDocuments(built).map((document) => document.toJS());
  const kinds = new Map(all.map((it) => [it.kind, it]));
  expect([...kinds.keys()].sort()).toEqual(
    ['ConfigMap', 'Namespace', 'NetworkPolicy', 'Secret', 'Service', 'StatefulSet'].sort(),
  );
  const pod = kinds.get('StatefulSet').spec.template;
  const [container] = pod.spec.containers;
  // What the namespace's own admission ("restricted") asks for.
  expect(pod.spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  expect(container.image).toMatch(/@sha256:[0-9a-f]{64}$/);
  expect(container.livenessProbe.httpGet.path).toBe('/livez');
  expect(container.readinessProbe.httpGet.path).toBe('/readyz');
  // The generated names are those that the pod mounts, and all selectors are its labels.
  const [settings, secrets] = pod.spec.volumes[0].projected.sources;
  expect(settings.configMap.name).toBe(kinds.get('ConfigMap').metadata.name);
  expect(secrets.secret.name).toBe(kinds.get('Secret').metadata.name);
  for (const selector of [kinds.get('Service').spec.selector, kinds.get('NetworkPolicy').spec.podSelector.matchLabels])
    expect(pod.metadata.labels).toMatchObject(selector);
  const ports = container.ports.map(({ name }: { name: string }) => name);
  for (const { targetPort } of kinds.get('Service').spec.ports) expect(ports).toContain(targetPort);
});

it('image: a base by a digest that somebody names, the file alone, no root', () => {
  const lines = readFileSync(join(ROOT, 'connector/Dockerfile'), 'utf8').split('\n');
  const of = (word: string) => lines.filter((line) => line.startsWith(`${word} `));
  expect(of('ARG')).toEqual(['ARG NODE_DIGEST']);
  for (const from of of('FROM')) expect(from).toMatch(/^FROM node:24-slim@\$\{NODE_DIGEST\}(?: AS bundle)?$/);
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
  expect(last.filter((line) => line.startsWith('COPY '))).toEqual(['COPY --from=bundle /out/ /app/']);
  expect(of('USER')).toEqual(['USER 1000:1000']);
  const compose = parse(read('compose.yaml')).services.connector;
  expect(compose).toMatchObject({ user: '1000:1000', read_only: true, cap_drop: ['ALL'] });
});
