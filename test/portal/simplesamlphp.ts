// SimpleSAMLphp of Debian as identity provider, on PHP's own server: an implementation that shares no code with ours.

import 'reflect-metadata';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509CertificateGenerator } from '@peculiar/x509';
import { freePort } from '../harness/postgres/postgres.ts';
import { until } from '../harness/run.ts';

const ROOT = '/usr/share/simplesamlphp';
export const hasSimpleSamlPhp = existsSync(`${ROOT}/www/module.php`);

interface SamlPerson {
  readonly password: string;
  readonly attributes: Readonly<Record<string, readonly string[]>>;
}

interface SimpleSamlPhp {
  readonly entityId: string;
  /** Of its metadata. */
  readonly metadataUrl: string;
  /** Its reading of our metadata, and what it does beside, as PHP's array. */
  trust(serviceProviderMetadata: string, more?: string): void;
  /** What it wrote to its log. */
  log(): string;
  close(): Promise<void>;
}

export async function rsaCertificate(name: string): Promise<{ key: string; certificate: string }> {
  const signingAlgorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const keys = await crypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm,
    keys,
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const lines = (pkcs8.match(/.{1,64}/g) ?? []).join('\n');
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`,
    certificate: `${certificate.toString('pem')}\n`,
  };
}

export async function startSimpleSamlPhp(people: Readonly<Record<string, SamlPerson>>): Promise<SimpleSamlPhp> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-saml-'));
  for (const name of ['metadata', 'cert', 'data', 'log', 'tmp', 'sessions']) mkdirSync(join(directory, name));
  const url = `http://127.0.0.1:${await freePort()}`;
  const { key, certificate } = await rsaCertificate('identity provider of the tests');
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  write('cert/idp.pem', key);
  write('cert/idp.crt', certificate);
  write('config.php', configuration(directory, url));
  const entityId = `${url}/idp`;
  write('metadata/saml20-idp-hosted.php', hosted(entityId));
  write('authsources.php', `<?php $config = ['people' => ['exampleauth:UserPass', ${sources(people)}]];`);
  let trusted = '<?php';
  let count = 0;
  const trust = (xml: string, more = '') => {
    count += 1;
    const file = `sp-${count}.xml`;
    write(file, xml);
    trusted += `
$sp = \\SimpleSAML\\Metadata\\SAMLParser::parseString(file_get_contents('${directory}/${file}'))->getMetadata20SP();
$metadata[$sp['entityid']] = [${more}] + $sp;`;
    write('metadata/saml20-sp-remote.php', trusted);
  };

  let log = '';
  const php: ChildProcess = spawn('php', ['-S', new URL(url).host, '-t', `${ROOT}/www`], {
    env: { PATH: process.env.PATH, SIMPLESAMLPHP_CONFIG_DIR: directory, PHP_CLI_SERVER_WORKERS: '2' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its workers end with it.
    detached: true,
  });
  for (const stream of [php.stdout, php.stderr]) stream?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const metadataUrl = `${url}/saml2/idp/metadata.php`;
  await until('SimpleSAMLphp answers', async () =>
    fetch(metadataUrl).then(
      ({ ok }) => ok,
      () => false,
    ),
  ).catch((error: Error) => Promise.reject(new Error(`${error.message}\n${log}`)));
  return {
    entityId,
    metadataUrl,
    trust,
    log: () => log,
    async close() {
      const ended = new Promise((resolve) => php.once('close', resolve));
      if (php.pid !== undefined) process.kill(-php.pid, 'SIGKILL');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const configuration = (directory: string, url: string) => `<?php
$config = [
  'baseurlpath' => '${url}/',
  'certdir' => '${directory}/cert/',
  'loggingdir' => '${directory}/log/',
  'datadir' => '${directory}/data/',
  'tempdir' => '${directory}/tmp',
  'metadatadir' => '${directory}/metadata/',
  'secretsalt' => 'only for tests, and these alone',
  'auth.adminpassword' => 'only for tests',
  'timezone' => 'UTC',
  'enable.saml20-idp' => true,
  'module.enable' => ['core' => true, 'saml' => true, 'exampleauth' => true],
  'logging.handler' => 'stderr',
  'logging.level' => 4,
  'store.type' => 'phpsession',
  'session.phpsession.savepath' => '${directory}/sessions',
  'session.cookie.secure' => false,
  'session.phpsession.httponly' => true,
  'language.default' => 'en',
  'metadata.sources' => [['type' => 'flatfile']],
];`;

const hosted = (entityId: string) => `<?php
$metadata['${entityId}'] = [
  'host' => '__DEFAULT__',
  'privatekey' => 'idp.pem',
  'certificate' => 'idp.crt',
  'auth' => 'people',
  'sign.authnrequest' => true,
  'validate.authnrequest' => true,
  'SingleSignOnServiceBinding' => [
    'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
    'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
  ],
  'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  'authproc' => [3 => [
    'class' => 'saml:AttributeNameID',
    'attribute' => 'uid',
    'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  ]],
];`;

const sources = (people: Readonly<Record<string, SamlPerson>>): string =>
  Object.entries(people)
    .map(([name, { password, attributes }]) => {
      const listed = Object.entries(attributes).map(
        ([attribute, values]) => `'${attribute}' => [${values.map((value) => `'${value}'`).join(', ')}]`,
      );
      return `'${name}:${password}' => [${listed.join(', ')}]`;
    })
    .join(', ');
