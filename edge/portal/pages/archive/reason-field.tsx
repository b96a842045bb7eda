import { RETENTION_REASON_MAX } from '../../../../core/retention/purge.ts';

export const ReasonField = ({ value }: { value: string }) => (
  <div class="field">
    <label for="reason">
      Why? <span class="dim">stays in the audit log for ever, so name nobody</span>
    </label>
    <input id="reason" name="reason" maxlength={RETENTION_REASON_MAX} required autocomplete="off" value={value} />
  </div>
);
