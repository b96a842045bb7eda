/** Where the lines that people paste expect Gatehouse's certificate authority, and `ca` puts it. */
export const AUTHORITY_FILE = 'gatehouse-ca.pem';
