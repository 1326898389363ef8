AUDIT (
  name reconciles,
  defaults (
    theirs_where = TRUE
  )
);

/* The sum of a column equals that of the table it was made from, to the row and the cent. */
WITH ours AS (
  SELECT
    COALESCE(SUM(@ours), 0) AS total
  FROM @this_model
), theirs AS (
  SELECT
    COALESCE(SUM(@theirs), 0) AS total
  FROM @source
  WHERE
    @theirs_where
)
SELECT
  ours.total AS our_total,
  theirs.total AS their_total
FROM ours
CROSS JOIN theirs
WHERE
  ours.total <> theirs.total
