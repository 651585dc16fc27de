"""A headless Chromium for the tests of the pages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

T = TypeVar("T")

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
PATIENCE = 30
_FLAGS = (
    "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
    "disable-component-update", "disable-sync", "disable-dev-shm-usage", "no-proxy-server", "lang=en",
)  # fmt: skip

# What a checker of accessibility would find first; each complaint names the element.
_COMPLAINTS = """
const complaints = [];
const tell = (what, one) => complaints.push(`${what}: ${one.outerHTML.slice(0, 120)}`);
const isShown = (one) => one.checkVisibility();
const all = (selector) => [...document.querySelectorAll(selector)].filter(isShown);
for (const one of all("img")) if (!one.hasAttribute("alt")) tell("no alt", one);
for (const one of all("input:not([type=hidden]), select, textarea"))
  if (!one.labels?.length && !one.getAttribute("aria-label")) tell("no label", one);
for (const one of all("button, a[href]"))
  if (!(one.innerText.trim() || one.getAttribute("aria-label") || one.querySelector("img[alt]:not([alt=''])")))
    tell("no name", one);
for (const one of all("table")) if (!one.querySelector("th")) tell("no headings", one);
const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) complaints.push(`twice: ${id}`);
for (const one of document.querySelectorAll("[aria-describedby], [aria-labelledby]"))
  for (const name of ["aria-describedby", "aria-labelledby"])
    for (const id of (one.getAttribute(name) ?? "").split(" ").filter(Boolean))
      if (!document.getElementById(id)) tell("refers to nothing", one);
if (!document.documentElement.lang) complaints.push("no language");
if (!document.title) complaints.push("no title");
if (document.querySelectorAll("main").length !== 1) complaints.push("not one main");
if (all("h1").length < 1) complaints.push("no h1");
return complaints;
"""


class Browser:
    """One Chromium; selectors are CSS."""

    def __init__(self, driver: Chrome, downloads: Path) -> None:
        self.driver = driver
        self.downloads = downloads

    def visit(self, address: str) -> None:
        self.driver.get(address)

    @property
    def address(self) -> str:
        return str(self.driver.current_url)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def find(self, selector: str) -> WebElement:
        """The first element, as soon as there is one."""
        return self.wait_for(lambda: self.all(selector), selector)[0]

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def type(self, **fields: str) -> None:
        """Fills inputs in by name."""
        for name, text in fields.items():
            field = self.find(f"input[name={name}]")
            field.clear()
            field.send_keys(text)

    def press(self, key: str) -> None:
        """A key on whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(key)

    def run(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    def focused(self, attribute: str) -> str | None:
        """An attribute of the element that has the focus."""
        return self.driver.switch_to.active_element.get_attribute(attribute)

    def wait_for(self, question: Callable[[], T], what: str = "") -> T:
        """The first answer that is true, or an error after half a minute."""
        return WebDriverWait(self.driver, PATIENCE, poll_frequency=0.1).until(lambda driver: question(), what)

    def resize(self, width: int, height: int) -> None:
        """The viewport in CSS pixels; below 500 as a phone."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def console(self) -> list[str]:
        """Errors that the console has shown since it was last asked."""
        lines = self.driver.get_log("browser")  # type: ignore[no-untyped-call]  # selenium left it untyped
        return [line["message"] for line in lines if line["level"] == "SEVERE"]

    def complaints(self) -> list[str]:
        """What a checker of accessibility would find first."""
        found: list[str] = self.run(_COMPLAINTS)
        return found

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        width: int = self.run("return document.documentElement.scrollWidth - window.innerWidth")
        return width


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A browser that keeps its profile and its downloads in the folder."""
    downloads = folder / "downloads"
    downloads.mkdir()
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*_FLAGS, f"user-data-dir={folder / 'profile'}"):
        options.add_argument(f"--{flag}")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, ChromeService(str(DRIVER)))
    try:
        browser = Browser(driver, downloads)
        browser.resize(1280, 800)
        yield browser
    finally:
        driver.quit()

