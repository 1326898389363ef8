"""Sample data: seeded, in the sources' original formats, with their dirt, and with truths for analysis to find."""

from ingestion.sample.writer import SampleReport, SourceReport, write_sample

__all__ = ["SampleReport", "SourceReport", "write_sample"]
