// How a SCIM request fails (RFC 7644, section 3.12): a status, a keyword where the RFC has one, and words for whoever reads the
// directory's provisioning log.

import { err } from '../../core/result.ts';

export interface ScimFault {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 412 | 413 | 429 | 500 | 503;
  readonly scimType?:
    | 'invalidFilter'
    | 'invalidPath'
    | 'invalidSyntax'
    | 'invalidValue'
    | 'mutability'
    | 'noTarget'
    | 'tooMany'
    | 'uniqueness';
  readonly detail: string;
}

export const scimFault = (status: ScimFault['status'], detail: string, scimType?: ScimFault['scimType']) =>
  err<ScimFault>({ status, detail, ...(scimType && { scimType }) });

export const invalidValue = (detail: string) => scimFault(400, detail, 'invalidValue');
export const invalidSyntax = (detail: string) => scimFault(400, detail, 'invalidSyntax');
