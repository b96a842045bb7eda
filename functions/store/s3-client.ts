// A client of an S3 store that is not AWS's own, or of AWS's with keys that were given.

import { S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';

export const S3Place = z.strictObject({
  bucket: z.string().min(3).max(63),
  region: z.string().min(1),
  /** undefined: AWS. Path style is used with it. */
  endpoint: z.url().optional(),
  accessKeyId: z.string().min(1),
  secretAccessKey: z.string().min(1),
  sessionToken: z.string().min(1).optional(),
});
export type S3Place = z.infer<typeof S3Place>;

const TRIES = 3;

export function s3ClientOf({ region, endpoint, accessKeyId, secretAccessKey, sessionToken }: S3Place): S3Client {
  return new S3Client({
    region,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    maxAttempts: TRIES,
    // What is sent is ours to say: older stores know no CRC.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 30_000, throwOnRequestTimeout: true },
  });
}
