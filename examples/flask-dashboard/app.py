"""A dashboard whose page of reports never looks at a folder. Run it with `gunicorn --workers 2 app:app`."""

import hashlib
import os

from flask import Flask, Response, render_template, request
from reports_index import ReportsIndex, Unavailable

app = Flask(__name__)

index = ReportsIndex(
    os.environ.get("REPORTS_INDEX_URL", "http://127.0.0.1:3000"),
    manifest=os.environ.get("REPORTS_INDEX_MANIFEST") or None,
    read_token=os.environ.get("REPORTS_INDEX_READ_TOKEN") or None,
)


# A page with another template is another page.
with open(os.path.join(app.root_path, "templates", "reports.html"), "rb") as template:
    LOOK = hashlib.sha256(template.read()).hexdigest()[:8]


@app.get("/reports")
def reports() -> Response:
    try:
        listing = index.listing()
    except Unavailable as error:
        app.logger.error("no listing: %s", error)
        return Response(render_template("unavailable.html"), status=503, headers={"Retry-After": "5"})
    if listing.problem:
        app.logger.warning("%s; the listing comes from: %s", listing.problem, listing.source)
    # What the page is made of changes with the listing, with where it came from, and with its template.
    tag = f"{listing.etag}-{listing.source}-{LOOK}"
    response = Response()
    response.set_etag(tag)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Listing-Source"] = listing.source
    if request.if_none_match.contains_weak(tag):
        response.status_code = 304
        return response
    response.set_data(render_template("reports.html", listing=listing))
    return response
