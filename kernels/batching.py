BATCH_RULES: dict = {}
