"""Measures what a report costs its reader: bytes, and processor time until it is usable.

Needs Debian's chromium and playwright. Processor time of the page's main thread and of its process,
not wall-clock time: a busy machine leaves it alone. Usable: the script has run, and a click on the
last verdict has opened its record.

    python tools/page_cost.py report.html
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright


def main() -> None:
    """Read the arguments, open the page and print its costs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    file = parser.parse_args().file.resolve()
    print(f"{file.stat().st_size / 1e6:.2f} MB")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=arguments
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        whole = browser.new_browser_cdp_session()
        page.goto(file.as_uri())
        page.wait_for_function("document.documentElement.dataset.ready")
        show("loaded", session, whole)
        page.locator("button.verdict").last.click()
        page.wait_for_selector("#record:popover-open")
        show("a record opened", session, whole)
        browser.close()


def show(when: str, session: Any, whole: Any) -> None:
    """Print the main thread's and the page process's seconds so far."""
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    processes = whole.send("SystemInfo.getProcessInfo")["processInfo"]
    renderers = [process["cpuTime"] for process in processes if process["type"] == "renderer"]
    print(
        f"{when}: main thread {metrics['TaskDuration']:.2f} s (script "
        f"{metrics['ScriptDuration']:.2f} s, layout {metrics['LayoutDuration']:.2f} s, styles "
        f"{metrics['RecalcStyleDuration']:.2f} s); its process {max(renderers):.2f} s; "
        f"{metrics['Nodes']:.0f} nodes"
    )


if __name__ == "__main__":
    main()
