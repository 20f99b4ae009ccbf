"""The algorithm of this image. To bring another, change this line; see docs/bring-your-own.md."""

from sentiment.plugin import ALGORITHM as ALGORITHM
