"""Everything the page says, in English and Korean."""

from typing import Any

LANGUAGES = ("en", "ko")

# key: (English, Korean). {names} are filled in; both languages have the same.
TEXTS: dict[str, tuple[str, str]] = {
    # the page
    "title": ("Color for gray photographs", "흑백 사진에 색을"),
    "other_language": ("한국어", "English"),
    "other_language_hint": ("이 페이지를 한국어로", "This page in English"),
    "promise": (
        "Photographs stay on the computer that runs this page and are removed when you close it. "
        "Colors are plausible guesses, not historic fact.",
        "사진은 이 페이지를 여는 컴퓨터에만 있고, 페이지를 닫으면 지워집니다. 색은 그럴듯한 추정이며 역사적 사실이 아닙니다.",
    ),
    "tab_color": ("Color photographs", "사진 채색"),
    "tab_train": ("Train a model", "모델 학습"),
    "tab_compare": ("Compare two models", "모델 비교"),
    # coloring
    "step_photos": ("1 · Photographs", "1 · 사진"),
    "photos": ("Gray photographs", "흑백 사진"),
    "photos_kinds": (
        "One or many: JPEG, PNG, TIFF (also 16 bit) or WebP, up to {limit} MB together.",
        "한 장이나 여러 장: JPEG, PNG, TIFF(16비트 포함), WebP, 합쳐서 {limit} MB까지.",
    ),
    "step_model": ("2 · Model", "2 · 모델"),
    "model": ("Which colors it has learned", "무엇의 색을 배웠는지"),
    "no_model": (
        "**There is no model yet.** Train one in the second tab, or bring a model file (.h5) below.",
        "**아직 모델이 없습니다.** 둘째 탭에서 학습시키거나, 아래에서 모델 파일(.h5)을 가져오세요.",
    ),
    "bring_model": ("Bring a model file (.h5)", "모델 파일(.h5) 가져오기"),
    "model_brought": ("{name} can be used now.", "{name} 모델을 쓸 수 있습니다."),
    "step_color": ("3 · Color", "3 · 채색"),
    "settings_more": ("Settings", "설정"),
    "settings_all": ("All parameters", "모든 파라미터"),
    "color": ("Color", "채색하기"),
    "stop": ("Stop", "멈추기"),
    "empty": (
        "Drop gray photographs on the left, then press Color. The result appears here.",
        "왼쪽에 흑백 사진을 끌어다 놓고 ‘채색하기’를 누르세요. 결과가 여기에 나타납니다.",
    ),
    "need_photos": ("Drop at least one photograph first.", "먼저 사진을 한 장 이상 끌어다 놓으세요."),
    "need_model": ("Choose a model first, or train one in the second tab.", "먼저 모델을 고르거나, 둘째 탭에서 학습시키세요."),
    "many_photos": (
        "{count} photographs came; at most {limit} are colored in one go. Remove some, and color them afterwards.",
        "사진이 {count}장입니다. 한 번에 {limit}장까지 채색합니다. 몇 장을 빼고 나중에 채색하세요.",
    ),
    "busy": (
        "Too many photographs are waiting at the moment. Nothing was lost: press the button again in a minute.",
        "지금은 기다리는 사진이 너무 많습니다. 잃은 것은 없으니 잠시 뒤에 단추를 다시 누르세요.",
    ),
    "already": ("Your photographs are being worked on already.", "이미 사진을 처리하고 있습니다."),
    "in_line": ("Waiting: {ahead} before you.", "기다리는 중: 앞에 {ahead}명."),
    "opening": ("Opening the model …", "모델을 여는 중 …"),
    "coloring": ("Coloring photograph {number} of {total}: {name}", "{total}장 가운데 {number}번째 채색 중: {name}"),
    "colored": (
        "{good} of {total} photographs colored in {seconds} s.",
        "{total}장 가운데 {good}장을 {seconds}초에 채색했습니다.",
    ),
    "failed_some": (
        "{count} could not be colored; the reason stands with each.",
        "{count}장은 채색하지 못했습니다. 까닭은 각 사진에 적혀 있습니다.",
    ),
    "stopped_by_you": ("Stopped. What was finished is here.", "멈추었습니다. 끝난 사진은 여기에 있습니다."),
    "failed": ("This did not work: {reason}", "되지 않았습니다: {reason}"),
    "settings_wrong": ("A setting cannot be used: {reason}", "쓸 수 없는 설정이 있습니다: {reason}"),
    "gone": ("These photographs were removed meanwhile; drop them again.", "그사이 사진이 지워졌습니다. 다시 끌어다 놓으세요."),
    # the viewer
    "before": ("Before", "채색 전"),
    "after": ("After", "채색 후"),
    "view_slider": ("Before | after", "채색 전 | 후"),
    "view_mask": ("Light reflection", "빛 반사"),
    "slider_hint": ("Move the line to compare", "선을 움직여 비교하세요"),
    "zoom_fit": ("Fit", "맞춤"),
    "zoom_full": ("Full size", "원본 크기"),
    "download": ("Download", "내려받기"),
    "download_all": ("Download all (zip)", "모두 내려받기 (zip)"),
    "seconds": ("{seconds} s", "{seconds}초"),
    "glare_share": ("light reflection {share} %", "빛 반사 {share} %"),
    "glare_none": ("no light reflection found", "빛 반사 없음"),
    "glare_abstained": (
        "so much light reflection seems to be there ({share} %) that the picture was left alone",
        "빛 반사가 너무 많아 보여({share} %) 사진을 그대로 두었습니다",
    ),
    "mask_off": (
        "No light reflection is looked for with these settings: {why}",
        "이 설정에서는 빛 반사를 찾지 않습니다: {why}",
    ),
    "mask_help": (
        "Yellow is what was taken for light reflection. Paint what is missing, wipe off what is wrong, then color again.",
        "노란 곳을 빛 반사로 보았습니다. 빠진 곳은 칠하고 틀린 곳은 지운 다음, 다시 채색하세요.",
    ),
    "mask_drawn": ("You have changed this mask.", "마스크를 고쳤습니다."),
    "brush_glare": ("This is glare", "빛 반사입니다"),
    "brush_clear": ("This is not", "아닙니다"),
    "brush_size": ("Brush", "붓"),
    "undo": ("Undo", "되돌리기"),
    "recolor": ("Color again", "다시 채색"),
    "mask_reset": ("As found", "찾은 대로"),
    "recoloring": ("Coloring again: {name}", "다시 채색 중: {name}"),
    "recolored": ("{name}: colored again.", "{name}: 다시 채색했습니다."),
    "photo_of": ("Photograph {number} of {total}", "사진 {number} / {total}"),
    # training
    "train_intro": (
        "Show the program some hundred color photographs of one kind of place. It learns their colors from gray "
        "copies it makes "
        "itself, and writes a model that the first tab can use.",
        "한 종류의 장소를 찍은 컬러 사진 수백 장을 보여 주세요. 프로그램이 스스로 만든 흑백 사본에서 색을 배우고, "
        "첫째 탭에서 쓸 모델을 만듭니다.",
    ),
    "step_name": ("1 · Name", "1 · 이름"),
    "model_name": ("Name of the model", "모델 이름"),
    "step_train_photos": ("2 · Color photographs", "2 · 컬러 사진"),
    "from_zip": ("A zip of photographs", "사진을 묶은 zip"),
    "from_folder": ("A folder on this computer", "이 컴퓨터의 폴더"),
    "zip": ("One zip file, up to {limit} MB", "zip 파일 하나, {limit} MB까지"),
    "folder": ("Folder", "폴더"),
    "folder_info": ("Below the folders that this server allows", "이 서버가 허락한 폴더 안에서"),
    "step_train": ("3 · Train", "3 · 학습"),
    "start": ("Start training", "학습 시작"),
    "stop_training": ("Stop (can go on later)", "멈춤 (나중에 계속)"),
    "resume": ("Go on", "계속하기"),
    "preset": ("Start from", "시작 값"),
    "preset_default": ("default: what did best here", "기본: 여기서 가장 좋았던 값"),
    "preset_paper": ("paper: as published (slow)", "논문: 발표된 대로 (느림)"),
    "name_wrong": (
        "{name!r} cannot be a file name: letters, digits, spaces, - _ ( ) were expected.",
        "{name!r}은(는) 파일 이름으로 쓸 수 없습니다: 글자, 숫자, 빈칸, - _ ( )만 쓸 수 있습니다.",
    ),
    "name_taken": (
        "There is a model named {name} already. Choose another name, or press Go on if its training was stopped.",
        "{name}(이)라는 모델이 이미 있습니다. 다른 이름을 쓰거나, 멈춘 학습이라면 ‘계속하기’를 누르세요.",
    ),
    "need_zip": ("Bring a zip of photographs first.", "먼저 사진을 묶은 zip 파일을 가져오세요."),
    "need_folder": ("Choose a folder first.", "먼저 폴더를 고르세요."),
    "folder_wrong": ("{folder}: not a folder that this server allows.", "{folder}: 이 서버가 허락한 폴더가 아닙니다."),
    "zip_broken": (
        "The zip cannot be read ({error}). Pack it again without a password.",
        "zip을 읽을 수 없습니다({error}). 암호 없이 다시 묶으세요.",
    ),
    "zip_many": (
        "The zip has {count} entries; at most {limit} are taken.",
        "zip 안에 항목이 {count}개 있습니다. {limit}개까지 받습니다.",
    ),
    "zip_path": (
        "The zip has a name that leads out of its folder or is no name: {name}. It was not unpacked.",
        "zip 안에 폴더 밖을 가리키거나 이름이 아닌 것이 있습니다: {name}. 풀지 않았습니다.",
    ),
    "zip_large": (
        "Unpacked, the zip is larger than this server takes. Pack fewer photographs.",
        "zip을 풀면 이 서버가 받는 크기보다 큽니다. 사진을 줄여 묶으세요.",
    ),
    "zip_empty": ("No photograph ({suffixes}) is in the zip.", "zip 안에 사진({suffixes})이 없습니다."),
    "train_idle": ("No training is running.", "진행 중인 학습이 없습니다."),
    "train_running": ("Training {name}", "{name} 학습 중"),
    "train_begins": ("{name}: preparing the photographs …", "{name}: 사진을 준비하는 중 …"),
    "train_stopping": ("{name}: stopping after this step …", "{name}: 이 단계가 끝나면 멈춥니다 …"),
    "train_stopped": ("{name}: stopped. Press Go on to continue.", "{name}: 멈추었습니다. ‘계속하기’를 누르면 이어집니다."),
    "train_done": ("{name} is ready: choose it in the first tab.", "{name} 모델이 준비되었습니다. 첫째 탭에서 고르세요."),
    "train_failed": ("{name}: the training ended: {reason}", "{name}: 학습이 끝났습니다: {reason}"),
    "train_occupied": (
        "Another training is running; wait for it, or stop it.",
        "다른 학습이 진행 중입니다. 기다리거나 멈추세요.",
    ),
    "train_nothing": (
        "There is no stopped training of this name. Start it, with the same photographs and parameters as before.",
        "이 이름으로 멈춘 학습이 없습니다. 전과 같은 사진과 파라미터로 시작하세요.",
    ),
    "images": ("{seen} of {total} images", "{total}장 가운데 {seen}장"),
    "rate": ("{rate} images/s", "초당 {rate}장"),
    "time_left": ("about {minutes} min left", "약 {minutes}분 남음"),
    "chart_x": ("images", "사진 수"),
    "chart_l1": ("difference to the truth (L1)", "정답과의 차이 (L1)"),
    "chart_gan": ("adversarial losses", "적대 손실"),
    "loss_l1": ("training", "학습"),
    "loss_val_l1": ("validation", "검증"),
    "loss_d_real": ("discriminator on truth", "판별자: 정답"),
    "loss_d_fake": ("discriminator on predicted", "판별자: 예측"),
    "loss_g_gan": ("generator", "생성자"),
    "chart_summary": ("How the losses went so far", "지금까지의 손실"),
    "preview": ("Gray | predicted | truth", "흑백 | 예측 | 정답"),
    "left_out": ("{count} photographs were left out; the first: {first}", "사진 {count}장은 쓰지 않았습니다. 첫째: {first}"),
    "model_download": ("Download the model", "모델 내려받기"),
    "model_temporary": (
        "Download it: this server keeps no models when it ends (start it with --models DIR for that).",
        "내려받아 두세요. 이 서버는 끝날 때 모델을 남기지 않습니다(남기려면 --models DIR로 시작하세요).",
    ),
    # comparing
    "compare_intro": (
        "One photograph, two models. Of a color photograph the gray is taken, and both results are scored against its colors.",
        "사진 한 장, 모델 두 개. 컬러 사진이라면 흑백으로 바꾸어 채색하고, 두 결과를 원래 색과 견줍니다.",
    ),
    "photo": ("One photograph", "사진 한 장"),
    "model_a": ("Model A (left)", "모델 A (왼쪽)"),
    "model_b": ("Model B (right)", "모델 B (오른쪽)"),
    "compare": ("Compare", "비교하기"),
    "compare_empty": ("Choose a photograph and two models.", "사진 한 장과 모델 두 개를 고르세요."),
    "comparing": ("Coloring with {name} …", "{name} 모델로 채색 중 …"),
    "compared": ("Both are done.", "둘 다 끝났습니다."),
    "score_colorfulness": ("Colorfulness", "색의 풍부함"),
    "score_delta_e": ("Delta E 2000 to the truth (lower is better)", "정답과의 Delta E 2000 (낮을수록 좋음)"),
    "score_psnr": ("PSNR to the truth, dB (higher is better)", "정답과의 PSNR, dB (높을수록 좋음)"),
    "score_seconds": ("Seconds", "걸린 시간(초)"),
    "score_between": ("Mean difference between both: Delta E 2000 = {value}", "두 결과의 평균 차이: Delta E 2000 = {value}"),
    "gray_column": ("Gray", "흑백"),
    # the door
    "not_here": (
        "There is nothing at this address. Go to the start page: /",
        "이 주소에는 아무것도 없습니다. 첫 페이지로 가세요: /",
    ),
    "elsewhere": ("Another web site may not use this page.", "다른 웹 사이트는 이 페이지를 쓸 수 없습니다."),
    "wrong_host": (
        "This page answers to the name of its own computer only: open it as http://127.0.0.1 or http://localhost.",
        "이 페이지는 자기 컴퓨터의 이름에만 답합니다. http://127.0.0.1 또는 http://localhost 로 여세요.",
    ),
    "token_needed": (
        "A token is needed. Open the address that `dancheong serve` has printed, with everything after the question mark.",
        "토큰이 필요합니다. `dancheong serve`가 알려 준 주소를 물음표 뒤까지 그대로 여세요.",
    ),
    "no_length": ("Say how long the upload is (Content-Length).", "올리는 크기(Content-Length)를 알려 주세요."),
    "too_large": (
        "{came} MB came; at most {limit} MB are taken at once. Bring fewer files, or ask for a larger --max-upload-mb.",
        "{came} MB입니다. 한 번에 {limit} MB까지 받습니다. 파일을 줄이거나 --max-upload-mb를 늘려 달라고 하세요.",
    ),
    "full": (
        "There is no room for another upload at the moment. Nothing was lost: try again in some minutes.",
        "지금은 더 받을 자리가 없습니다. 잃은 것은 없으니 몇 분 뒤에 다시 해 보세요.",
    ),
    "no_picture": (
        "This picture is not there any more. Color the photograph again.",
        "이 사진은 더 이상 없습니다. 다시 채색하세요.",
    ),
}

_CHOICES: dict[tuple[str, str], tuple[str, str]] = {
    ("glare_mode", "off"): ("off: leave light reflection alone", "off: 빛 반사를 그대로 둠"),
    ("glare_mode", "global"): ("global: filter the whole picture", "global: 사진 전체를 필터"),
    ("glare_mode", "region"): ("region: correct the damaged part", "region: 손상된 부분을 보정"),
    ("glare_mode", "lossmask"): ("lossmask: look, change nothing", "lossmask: 찾기만 하고 바꾸지 않음"),
    ("glare_mode", "region+lossmask"): ("region+lossmask: both", "region+lossmask: 둘 다"),
}


class Words:
    """What the page says in one language: ``words("busy")``."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self._index = LANGUAGES.index(self.language)

    def __call__(self, key: str, **values: Any) -> str:
        """The text of a key with `values` filled in."""
        text = TEXTS[key][self._index]
        return text.format(**values) if values else text

    def choice(self, name: str, choice: str) -> str:
        """What a choice of a row is called; most speak for themselves."""
        told = _CHOICES.get((name, choice))
        return told[self._index] if told else choice


def language_of(accept_language: str) -> str:
    """The language of ours that a browser asks for first (RFC 9110, 12.5.4); English where it asks for none."""
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language.split(",")[:50]):
        tag, _, rest = part.strip().partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest.strip() else 1.0
        except ValueError:
            continue
        wishes.append((-weight, place, tag.strip().lower().partition("-")[0]))
    return next((tag for weight, _, tag in sorted(wishes) if tag in LANGUAGES and weight < 0), LANGUAGES[0])
