"""Invented names of companies, people and places. Every address ends in `.example`, which can never be a real one."""

FIRST_PARTS = (
    "Alder", "Amber", "Anchor", "Baltic", "Birch", "Bright", "Cedar", "Clear", "Copper", "Crown", "Delta", "Dorn",
    "East", "Elm", "Falken", "Fern", "Field", "Forge", "Glen", "Grand", "Harbour", "Hazel", "Hill", "Iron",
    "Juniper", "Kestrel", "Lake", "Linden", "Maple", "Marsh", "Mill", "North", "Oak", "Ostsee", "Pine", "Quarry",
    "River", "Silver", "Stone", "Summit", "Tannen", "Thorn", "Union", "Vale", "Wald", "West", "Winter", "Wolf",
)  # fmt: skip
SECOND_PARTS = (
    "berg", "brook", "craft", "dale", "feld", "ford", "gate", "haus", "line", "mark", "mere", "port", "ridge",
    "shore", "stead", "tal", "ton", "ware", "werk", "wood",
)  # fmt: skip
LEGAL_FORMS = ("GmbH", "AG", "KG", "& Sons", "Group", "Ltd", "BV", "Partners")
CHINESE_FIRST = (
    ("heng", "恒"), ("hua", "华"), ("tian", "天"), ("jin", "金"), ("ming", "明"), ("rui", "瑞"), ("sheng", "盛"),
    ("xin", "新"), ("yong", "永"), ("zhong", "中"), ("dong", "东"), ("hai", "海"),
)  # fmt: skip
CHINESE_SECOND = (
    ("da", "达"), ("feng", "丰"), ("hong", "宏"), ("kang", "康"), ("li", "利"), ("long", "隆"), ("tai", "泰"),
    ("tong", "通"), ("wei", "威"), ("xiang", "祥"), ("yuan", "源"), ("cheng", "成"),
)  # fmt: skip
CHINESE_TRADES = (("Trading", "贸易"), ("Technology", "科技"), ("Industrial", "实业"), ("Logistics", "物流"))
STREET_STEMS = (
    "Acker", "Bahnhof", "Berg", "Birken", "Brunnen", "Dorf", "Eichen", "Fabrik", "Garten", "Hafen", "Haupt",
    "Industrie", "Kirch", "Linden", "Markt", "Mühlen", "Park", "Quer", "Ring", "Schiller", "Schul", "Sonnen", "Tal",
    "Wald", "Werft", "Wiesen",
)  # fmt: skip
FREEMAIL = "freemail.example"
GIVEN_NAMES = (
    "Aisha", "Anton", "Bea", "Carla", "Chen", "David", "Elif", "Emma", "Felix", "Grace", "Hanna", "Ivan", "Jana",
    "Jonas", "Katrin", "Lena", "Luca", "Mara", "Mei", "Nils", "Olga", "Paul", "Quirin", "Rosa", "Sami", "Tariq",
    "Uta", "Vera", "Wim", "Yusuf",
)  # fmt: skip
FAMILY_NAMES = (
    "Adler", "Bauer", "Costa", "Dietz", "Engel", "Fischer", "Gross", "Huber", "Ilic", "Jansen", "Keller", "Lang",
    "Maurer", "Novak", "Okafor", "Peters", "Quast", "Richter", "Sato", "Thoma", "Ulrich", "Vogel", "Weber", "Xu",
    "Yilmaz", "Zimmer",
)  # fmt: skip
CITIES = {
    "DE": ("Hamburg", "Bremen", "Leipzig", "Kassel", "Ulm", "Essen"),
    "AT": ("Linz", "Graz", "Wien", "Wels", "Salzburg", "Villach"),
    "CH": ("Basel", "Bern", "Luzern", "Chur", "Aarau", "Thun"),
    "NL": ("Utrecht", "Breda", "Zwolle", "Arnhem", "Delft", "Venlo"),
    "FR": ("Lille", "Metz", "Nancy", "Colmar", "Reims", "Dijon"),
}
ROLES = ("buyer", "sponsor", "user")

EMPLOYEES = (
    # number, name, team, region, lead
    ("E01", "Ines Hartwig", "sales lead", None, None),
    ("E02", "Tom Okonkwo", "key accounts", "north", "E01"),
    ("E03", "Britta Sand", "field sales", "north", "E01"),
    ("E04", "Marek Dvorsky", "field sales", "north", "E01"),
    ("E05", "Li Wen", "key accounts", "south", "E01"),
    ("E06", "Paula Reiter", "field sales", "south", "E01"),
    ("E07", "Goran Pavic", "field sales", "south", "E01"),
    ("E08", "Nadia Rahimi", "key accounts", "east", "E01"),
    ("E09", "Sven Albers", "field sales", "east", "E01"),
    ("E10", "Claire Muller", "field sales", "east", "E01"),
    ("E11", "Hugo Martens", "key accounts", "west", "E01"),
    ("E12", "Sofia Lindqvist", "field sales", "west", "E01"),
    ("E13", "Ali Demir", "field sales", "west", "E01"),
    ("E14", "Ruth Cohen", "customer service", None, "E01"),
    ("E15", "Jan Kowal", "finance", None, "E01"),
    ("E16", "Eva Brandt", "field sales", "north", "E01"),
)
LEFT_THE_COMPANY = "E16"
RIVALS = ("Nordhaus Trading", "Brightline Supply", "恒达供应")
