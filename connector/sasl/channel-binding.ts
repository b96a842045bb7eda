// tls-server-end-point (RFC 5929 section 4.1): the hash of the server's certificate, so that a login
// inside TLS holds for this TLS connection alone.

import { createHash, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/** Of our own certificate, on a socket where we are the server. Undefined where the certificate has no such hash. */
export const ownEndPoint = (socket: TLSSocket): Buffer | undefined => endPointOf(rawOf(socket.getCertificate()));

/** Of the peer's certificate, on a socket where we are the client. */
export const peerEndPoint = (socket: TLSSocket): Buffer | undefined => endPointOf(rawOf(socket.getPeerCertificate()));

/** Node answers an empty object, null or nothing at all where there is no certificate. */
function rawOf(certificate: object | null | undefined): Buffer | undefined {
  const raw = certificate && 'raw' in certificate ? certificate.raw : undefined;
  return Buffer.isBuffer(raw) ? raw : undefined;
}

/** The hash is the one of the certificate's signature; MD5 and SHA-1 count as SHA-256. */
function endPointOf(raw: Buffer | undefined): Buffer | undefined {
  if (!raw) return undefined;
  const algorithm = new X509Certificate(raw).signatureAlgorithm?.toLowerCase() ?? '';
  // Ed25519 and RSA-PSS name no single hash here; PostgreSQL's own clients do not bind to them either.
  const named = /(?:^|with-?)(md5|sha-?1|sha-?224|sha-?256|sha-?384|sha-?512)/.exec(algorithm)?.[1]?.replace('-', '');
  if (!named) return undefined;
  return createHash(named === 'md5' || named === 'sha1' ? 'sha256' : named)
    .update(raw)
    .digest();
}
