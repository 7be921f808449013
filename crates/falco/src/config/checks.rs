//! What falco.yaml must not say, in upstream's words.

use anyhow::bail;

use super::Keys;

pub(super) fn check(keys: &Keys<'_>) -> anyhow::Result<()> {
    // Upstream reads this one of its section first, and names it when the section is none.
    let _ = keys.get("falco_libs.thread_table_size");
    libs_logger(keys)?;
    channels(keys)?;
    Ok(())
}

fn libs_logger(keys: &Keys<'_>) -> anyhow::Result<()> {
    const SEVERITIES: [&str; 8] = [
        "trace", "debug", "info", "notice", "warning", "error", "critical", "fatal",
    ];
    let severity = keys.text("libs_logger.severity").unwrap_or("info");
    if keys.truth("libs_logger.enabled", true) && !SEVERITIES.contains(&severity) {
        bail!("Unknown sinsp log severity {severity}");
    }
    Ok(())
}

fn channels(keys: &Keys<'_>) -> anyhow::Result<()> {
    for (channel, needs) in [
        ("file", "filename"),
        ("program", "program"),
        ("http", "url"),
    ] {
        let lacks = keys
            .text(&format!("{channel}_output.{needs}"))
            .is_none_or(str::is_empty);
        if lacks && keys.truth(&format!("{channel}_output.enabled"), false) {
            bail!(
                "Error reading config file ({}): {channel} output enabled but no {needs} in configuration block",
                keys.name
            );
        }
    }
    Ok(())
}
