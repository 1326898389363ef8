AUDIT (
  name keeps_rows,
  defaults (ours_where = TRUE, theirs_where = TRUE)
);

/* Every row of the table below is here, and once: as many rows as that table has different ids. */
WITH ours AS (
  SELECT
    COUNT(*) AS row_count
  FROM @this_model
  WHERE
    @ours_where
), theirs AS (
  SELECT
    COUNT(DISTINCT @id) AS row_count
  FROM @source
  WHERE
    @theirs_where
)
SELECT
  ours.row_count AS our_count,
  theirs.row_count AS their_count
FROM ours
CROSS JOIN theirs
WHERE
  ours.row_count <> theirs.row_count
