"""A headless Chromium for the tests of the pages."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService
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


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer that the browser got; `asked` and `told` are headers by their names in small letters."""

    url: str
    status: int
    asked: Mapping[str, str]
    told: Mapping[str, str]


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

    def chord(self, modifier: str, key: str) -> None:
        """A key on whatever has the focus, while another is held down."""
        ActionChains(self.driver).key_down(modifier).send_keys(key).key_up(modifier).perform()

    def click_holding(self, modifier: str, element: WebElement) -> None:
        ActionChains(self.driver).key_down(modifier).click(element).key_up(modifier).perform()

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

    def touch(self, is_on: bool) -> None:
        """Whether there are fingers instead of a mouse."""
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": is_on})

    def scripting(self, is_on: bool) -> None:
        """Whether pages may run scripts, from the next one on."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not is_on})

    def saved(self, name: str) -> bytes:
        """The bytes of a download, as soon as it is complete; its file is gone afterwards."""
        file = self.downloads / name
        self.wait_for(file.exists, f"the download of {name}; there are {sorted(self.downloads.iterdir())}")
        data = file.read_bytes()
        file.unlink()
        return data

    def exchanges(self) -> list[Exchange]:
        """What the browser got from servers since it was last asked, redirects included."""
        lines = self.driver.get_log("performance")  # type: ignore[no-untyped-call]  # selenium left it untyped
        return _exchanges([json.loads(line["message"])["message"] for line in lines])

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


def _exchanges(events: list[dict[str, Any]]) -> list[Exchange]:
    """From the events of Chromium's network log; what went over the wire is told apart from what was wanted."""
    asked: dict[str, dict[str, str]] = {}
    for event in events:
        if event["method"] in ("Network.requestWillBeSent", "Network.requestWillBeSentExtraInfo"):
            values = event["params"]
            asked.setdefault(values["requestId"], {}).update(values.get("request", values)["headers"])
    found = []
    for event in events:
        values = event["params"]
        answer = values.get("redirectResponse") if event["method"] == "Network.requestWillBeSent" else None
        if event["method"] == "Network.responseReceived":
            answer = values["response"]
        if answer is not None:
            found.append(_exchange(answer, asked.get(values["requestId"], {})))
    return found


def _exchange(answer: dict[str, Any], asked: dict[str, str]) -> Exchange:
    sent, told = ({name.lower(): value for name, value in some.items()} for some in (asked, answer["headers"]))
    return Exchange(answer["url"], answer["status"], sent, told)


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
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, ChromeService(str(DRIVER)))
    try:
        browser = Browser(driver, downloads)
        browser.resize(1280, 800)
        yield browser
    finally:
        driver.quit()

