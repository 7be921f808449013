//! What falco.yaml must not say, in upstream's words.

use std::net::IpAddr;

use anyhow::bail;

use super::Keys;

pub(super) fn check(keys: &Keys<'_>) -> anyhow::Result<()> {
    // Upstream reads this one of its section first, and names it when the section is none.
    let _ = keys.get("falco_libs.thread_table_size");
    libs_logger(keys)?;
    channels(keys)?;
    drops(keys)?;
    if keys
        .text("syscall_event_timeouts.max_consecutives")
        .is_some_and(|_| keys.number("syscall_event_timeouts.max_consecutives", 1000) == 0)
    {
        bail!(
            "Error reading config file({}): the maximum consecutive timeouts without an event must be an unsigned integer > 0",
            keys.name
        );
    }
    let address = keys.text("webserver.listen_address").unwrap_or("0.0.0.0");
    if address.trim().parse::<IpAddr>().is_err() {
        bail!("webserver listen address \"{address}\" is not a valid IP address");
    }
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
    for (channel, needs) in [("program", "program"), ("http", "url")] {
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

fn drops(keys: &Keys<'_>) -> anyhow::Result<()> {
    let threshold = keys
        .text("syscall_event_drops.threshold")
        .and_then(|text| text.trim().parse::<f64>().ok())
        .unwrap_or(0.1);
    if !(0.0..=1.0).contains(&threshold) {
        bail!(
            "Error reading config file ({}): syscall event drops threshold must be a double in the range [0, 1]",
            keys.name
        );
    }
    let mut ignored = false;
    for action in keys.texts("syscall_event_drops.actions") {
        match action.as_str() {
            "ignore" => ignored = true,
            "log" | "alert" if ignored => bail!(
                "Error reading config file ({}): syscall event drop action \"{action}\" does not make sense with the \"ignore\" action",
                keys.name
            ),
            "log" | "alert" | "exit" => {}
            _ => bail!(
                "Error reading config file ({}): available actions for syscall event drops are \"ignore\", \"log\", \"alert\", and \"exit\"",
                keys.name
            ),
        }
    }
    Ok(())
}
