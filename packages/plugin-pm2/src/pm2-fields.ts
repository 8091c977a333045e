/**
 * Variables that PM2 takes for fields of its own. It copies an app's variables over its record of each worker, at every
 * start and reload, and reads the record: `name` would rename the app, `exec_mode` change its mode, and a `cron_restart`
 * that is no schedule ends the daemon with all its apps.
 */
const FIELDS = new Set(
  [
    "name namespace args node_args cwd env exec_mode exec_interpreter instances instance_var increment_var filter_env",
    "pm_id pm_cwd pm_exec_path pm_pid_path pm_log_path pm_out_log_path pm_err_log_path pm_uptime pm2_env current_conf",
    "status unique_id created_at exit_code restart_time unstable_restarts prev_restart_delay restart_task node_version",
    "autostart autorestart cron_restart restart_delay exp_backoff_restart_delay min_uptime max_restarts stop_exit_codes",
    "max_memory_restart wait_ready listen_timeout kill_timeout kill_retry_time treekill shutdown_with_message",
    "watch watch_delay watch_options ignore_watch merge_logs log_type log_date_format disable_logs",
    "uid gid windowsHide disable_source_map_support vizion vizion_running versioning automation trace io pmx pmx_module",
    "axm_actions axm_dynamic axm_monitor axm_options km_link _km_monitored _tree_pids",
  ].flatMap((line) => line.split(" ")),
);

/** The names among these that an app must not use for a variable. */
export function pm2FieldsAmong(names: Iterable<string>): string[] {
  return [...names].filter((name) => FIELDS.has(name));
}

/** In words, for the one who wrote them. */
export function fieldsRefused(names: readonly string[]): { readonly message: string; readonly hint: string } {
  const quoted = names.map((name) => `"${name}"`).join(", ");
  return {
    message: `its env has ${quoted}: PM2 takes a variable of such a name for its own setting`,
    hint: `Rename ${names.length === 1 ? "the variable" : "the variables"} (${quoted}), or, if PM2's setting was meant, write it beside env.`,
  };
}
