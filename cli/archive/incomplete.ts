/** For a page that may lack something because of it. */
export const INCOMPLETE = 'The catalogue is being made again (gatehouse reindex): something may be missing here.';
