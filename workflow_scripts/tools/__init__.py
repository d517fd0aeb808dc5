"""Commands beside a study, run by hand or by ``make``: measurements, trials, pages, pictures."""
