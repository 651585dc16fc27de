"""HTTP-dates written in the three formats of RFC 9110 section 5.6.7, whatever the locale."""

from datetime import datetime

SHORT_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONG_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def imf_fixdate(moment: datetime) -> str:
    """`Sun, 06 Nov 1994 08:49:37 GMT`; fractions of a second are cut off."""
    day, month = SHORT_DAYS[moment.weekday()], MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT"


def rfc850_date(moment: datetime) -> str:
    """`Sunday, 06-Nov-94 08:49:37 GMT`."""
    day, month = LONG_DAYS[moment.weekday()], MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02}-{month}-{moment.year % 100:02} {moment:%H:%M:%S} GMT"


def asctime_date(moment: datetime) -> str:
    """`Sun Nov  6 08:49:37 1994`."""
    day, month = SHORT_DAYS[moment.weekday()], MONTHS[moment.month - 1]
    return f"{day} {month} {moment.day:2} {moment:%H:%M:%S} {moment.year:04}"
